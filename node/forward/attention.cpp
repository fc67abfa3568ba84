#include <algorithm>

#include "node/forward/linear.h"
#include "node/forward/transformer.h"

namespace yoke::node::forward {

// Each half: its query heads, its KV heads, its columns of the output projection. Halves that share one key and value read those
// that the rank's first half wrote.
void attention(const LayerWeights& layer, const model::ModelConfig& c, Rows rows, const float* in, Activations& a, const Machine& machine) {
  kernels::Ops& ops = machine.ops;
  const bool latent = c.latent.kv_rank > 0;
  const auto of = [&](int half) { return HalfInput{layer, half, half == machine.halves[0], in}; };

  if (!latent) {
    for (const int half : machine.halves) project_grouped(of(half), rows, a, ops);     // a.q, a.k, a.v of each half
    if (c.qk_norm == model::QkNorm::all_heads) norm_all_heads(layer, c, rows, a, machine);
  }
  for (const int half : machine.halves) {
    const HalfWeights& w = layer.half[half];
    if (w.heads == 0) {  // an empty half adds +0
      std::fill_n(a.sum[half], rows.count() * c.hidden, 0.0f);
      continue;
    }
    // All rows are written before any is read: a chunk's row sees those before it, whether they came in this step or earlier.
    if (latent) append_latent(of(half), c, rows, a, ops);
    else append_grouped(of(half), c, rows, a, ops);
    ops.run(kernels::Attention{.q = a.q[half], .q_stride = w.heads * c.head_dim, .rows = rows.places, .cache = w.cache,
                               .heads_per_kv = w.heads / w.kv_heads, .scale = c.attention_scale, .window = layer.kind.window,
                               .sinks = w.sinks, .out = a.mixed, .out_stride = w.heads * c.value_dim});  // a.mixed [n, heads * value_dim]
    if (latent) output_latent(w, c, rows, a, a.sum[half], ops);
    else linear(ops, w.o, a.mixed, rows.count(), a.sum[half], w.o_bias);  // sum [n, hidden]
  }
}

}  // namespace yoke::node::forward
