#include "node/forward/linear.h"
#include "node/forward/transformer.h"

namespace yoke::node::forward {
namespace {

using kernels::Attention;
using model::ModelConfig;

Attention attention_of(const LayerWeights& layer, int half, const ModelConfig& c, Rows rows, const Activations& a) {
  const HalfWeights& w = layer.half[half];
  return {.q = a.q[half], .q_stride = w.heads * c.head_dim, .rows = rows.places, .cache = w.cache, .heads_per_kv = w.heads / w.kv_heads,
          .scale = c.attention_scale, .window = layer.kind.window, .sinks = w.sinks, .out = a.mixed[half],
          .out_stride = w.heads * c.value_dim,  // a.mixed [n, heads * value_dim]
          .longest = c.context_length};
}

// Halves share the latents, and the buffers that their queries are made in: one after the other.
void latent_attention(const LayerWeights& layer, const ModelConfig& c, Rows rows, const float* in, Activations& a, const Machine& machine) {
  for (const int half : machine.halves) {
    if (layer.half[half].heads == 0) continue;
    append_latent({layer, half, half == machine.halves[0], in}, c, rows, a, machine.ops);
    machine.ops.run(attention_of(layer, half, c, rows, a));
    output_latent(layer.half[half], c, rows, a.mixed[half], a, a.sum[half], machine.ops);
  }
}

void grouped_attention(const LayerWeights& layer, const ModelConfig& c, Rows rows, const float* in, Activations& a, const Machine& machine) {
  // All rows are written before any is read: a chunk's row sees those before it, whether they came in this step or earlier.
  queries_and_keys(layer, c, rows, in, a, machine);
  Problems<Attention> attentions;
  Problems<kernels::Linear> outputs;
  for (const int half : machine.halves) {
    const HalfWeights& w = layer.half[half];
    if (w.heads == 0) continue;
    attentions.push_back(attention_of(layer, half, c, rows, a));
    outputs.push_back(linear(w.o, a.mixed[half], rows.count(), a.sum[half], w.o_bias));  // sum [n, hidden]
  }
  run(machine.ops, attentions);
  run(machine.ops, outputs);
}

}  // namespace

// Each half: its query heads, its KV heads, its columns of the output projection. Halves that share one key and value read those
// that the rank's first half wrote.
void attention(const LayerWeights& layer, const ModelConfig& c, Rows rows, const float* in, Activations& a, const Machine& machine) {
  if (c.latent.kv_rank > 0) latent_attention(layer, c, rows, in, a, machine);
  else grouped_attention(layer, c, rows, in, a, machine);
  for (const int half : machine.halves) {  // an empty half adds +0
    if (layer.half[half].heads == 0) machine.ops.run(kernels::Fill{.x = a.sum[half], .count = rows.count() * c.hidden});
  }
}

}  // namespace yoke::node::forward
