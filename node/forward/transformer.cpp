#include "node/forward/transformer.h"

namespace yoke::node::forward {
namespace {

using kernels::ResidualAdd;
using model::BlockKind;
using model::ModelConfig;

// x <- x + (sum[0] + sum[1]). Who holds one half has the sum made on the wire: of two ranks a + b commutes, so bits are equal.
void join(Rows rows, int64_t hidden, Activations& a, const Machine& machine) {
  const int64_t count = rows.count() * hidden;
  if (machine.tensor_group == nullptr) {
    machine.ops.run(ResidualAdd{.x = a.x, .h0 = a.sum[0], .h1 = a.sum[1], .count = count});
    return;
  }
  float* mine = a.sum[machine.halves[0]];
  machine.tensor_group->all_reduce(mine, count, Dtype::f32, machine.deadline);
  machine.ops.run(ResidualAdd{.x = a.x, .h0 = mine, .h1 = nullptr, .count = count});
}

// to[half] [rows, hidden] <- each held half's MLP or experts of `in` [rows, hidden]
void feed_forward(const LayerWeights& layer, const ModelConfig& c, Rows rows, const float* in, std::array<float*, 2> to, Activations& a,
                  const Machine& machine) {
  if (layer.kind.moe) route(layer, c, rows.count(), in, a, machine.ops);
  for (const int half : machine.halves) {
    const HalfWeights& w = layer.half[half];
    if (layer.kind.moe) moe(w, c, rows.count(), in, a, to[half], machine.ops);
    else mlp(w.mlp, c, rows.count(), in, a, to[half], machine.ops);
  }
}

// x += attention(norm(x)); x += mlp(norm(x))
void run_pre_norm(const LayerWeights& layer, const ModelConfig& c, Rows rows, Activations& a, const Machine& machine) {
  norm(layer.attn_norm, c, rows.count(), a.x, a.normed, machine.ops);    // a.normed [rows, hidden]
  attention(layer, c, rows, a.normed, a, machine);                       // a.sum[half] [rows, hidden]
  join(rows, c.hidden, a, machine);                                      // a.x [rows, hidden]
  norm(layer.mlp_norm, c, rows.count(), a.x, a.normed, machine.ops);
  feed_forward(layer, c, rows, a.normed, a.sum, a, machine);
  join(rows, c.hidden, a, machine);
}

// x += attention(n) + mlp(n), n = norm(x); each half adds its two parts before the halves join (docs/bits.md rule 4).
void run_parallel(const LayerWeights& layer, const ModelConfig& c, Rows rows, Activations& a, const Machine& machine) {
  norm(layer.attn_norm, c, rows.count(), a.x, a.normed, machine.ops);
  attention(layer, c, rows, a.normed, a, machine);
  for (const int half : machine.halves) {
    float* const part = a.mlp_part;                                      // [rows, hidden]
    mlp(layer.half[half].mlp, c, rows.count(), a.normed, a, part, machine.ops);
    machine.ops.run(ResidualAdd{.x = a.sum[half], .h0 = part, .h1 = nullptr, .count = rows.count() * c.hidden});
  }
  join(rows, c.hidden, a, machine);
}

// x = norm(x + attention(x)); x = norm(x + mlp(x))
void run_post_norm(const LayerWeights& layer, const ModelConfig& c, Rows rows, Activations& a, const Machine& machine) {
  attention(layer, c, rows, a.x, a, machine);
  join(rows, c.hidden, a, machine);
  norm(layer.attn_norm, c, rows.count(), a.x, a.x, machine.ops);
  feed_forward(layer, c, rows, a.x, a.sum, a, machine);
  join(rows, c.hidden, a, machine);
  norm(layer.mlp_norm, c, rows.count(), a.x, a.x, machine.ops);
}

// One layer. [rows, hidden] in, [rows, hidden] out; rows are tokens of any sequences at any positions.
void run_layer(const LayerWeights& layer, const ModelConfig& c, Rows rows, Activations& a, const Machine& machine) {
  switch (c.block) {
    case BlockKind::pre_norm: return run_pre_norm(layer, c, rows, a, machine);
    case BlockKind::parallel: return run_parallel(layer, c, rows, a, machine);
    case BlockKind::post_norm: return run_post_norm(layer, c, rows, a, machine);
  }
}

}  // namespace

void run_layers(const Weights& weights, const ModelConfig& config, Rows rows, Activations& a, const Machine& machine) {
  for (const LayerWeights& layer : weights.layers) run_layer(layer, config, rows, a, machine);
}

}  // namespace yoke::node::forward
