#include "node/forward/transformer.h"

namespace yoke::node::forward {
namespace {

using model::BlockKind;
using model::ModelConfig;

// x <- x + (sum[0] + sum[1]); then y <- norm(x), unless y is null. Who holds one half has the other one fetched by the exchange, or
// the sum made on the wire: of two ranks a + b commutes, so bits are equal.
void join(Rows rows, const ModelConfig& c, const NormWeights& next, float* y, Activations& a, const Machine& machine) {
  Joined joined{.x = a.x, .h0 = a.sum[0], .h1 = a.sum[1], .y = y};
  kernels::Meeting meeting;
  if (machine.exchange != nullptr) {
    meeting = machine.exchange->next();
    joined.meeting = &meeting;
  } else if (machine.tensor_group != nullptr) {
    float* mine = a.sum[machine.halves[0]];
    machine.wait("a half's sum");
    machine.tensor_group->all_reduce(mine, rows.count() * c.hidden, Dtype::f32, machine.deadline);
    joined.h0 = mine;
    joined.h1 = nullptr;
  }
  norm(next, c, rows.count(), joined, machine.ops);
}

// to[half] [rows, hidden] <- each held half's MLP or experts of `in` [rows, hidden]
void feed_forward(const LayerWeights& layer, const ModelConfig& c, Rows rows, const float* in, Activations& a, const Machine& machine) {
  if (layer.kind.moe) {
    route(layer, c, rows.count(), in, a, machine.ops);
    for (const int half : machine.halves) moe(layer.half[half], half, c, rows, in, a, a.sum[half], machine.ops);
    return;
  }
  Problems<MlpPart> parts;
  for (const int half : machine.halves) parts.push_back({layer.half[half].mlp, half, a.sum[half]});
  mlp(parts, c, rows.count(), in, a, machine.ops);
}

// x += attention(norm(x)); x += mlp(norm(x)). a.normed holds norm(x) before, and `next`'s norm of x behind.
void run_pre_norm(const LayerWeights& layer, const NormWeights* next, const ModelConfig& c, Rows rows, Activations& a, const Machine& machine) {
  attention(layer, c, rows, a.normed, a, machine);                       // a.sum[half] [rows, hidden]
  join(rows, c, layer.mlp_norm, a.normed, a, machine);                   // a.x, a.normed [rows, hidden]
  feed_forward(layer, c, rows, a.normed, a, machine);
  join(rows, c, next ? *next : NormWeights{}, next ? a.normed : nullptr, a, machine);
}

// x += attention(n) + mlp(n), n = norm(x); each half adds its two parts before the halves join (docs/bits.md rule 4).
void run_parallel(const LayerWeights& layer, const NormWeights* next, const ModelConfig& c, Rows rows, Activations& a, const Machine& machine) {
  attention(layer, c, rows, a.normed, a, machine);
  for (const int half : machine.halves) {
    mlp({{layer.half[half].mlp, half, a.mlp_part}}, c, rows.count(), a.normed, a, machine.ops);  // a.mlp_part [rows, hidden]
    machine.ops.run(kernels::ResidualAdd{.x = a.sum[half], .h0 = a.mlp_part, .h1 = nullptr, .count = rows.count() * c.hidden});
  }
  join(rows, c, next ? *next : NormWeights{}, next ? a.normed : nullptr, a, machine);
}

// x = norm(x + attention(x)); x = norm(x + mlp(x))
void run_post_norm(const LayerWeights& layer, const ModelConfig& c, Rows rows, Activations& a, const Machine& machine) {
  attention(layer, c, rows, a.x, a, machine);
  join(rows, c, layer.attn_norm, a.x, a, machine);
  feed_forward(layer, c, rows, a.x, a, machine);
  join(rows, c, layer.mlp_norm, a.x, a, machine);
}

// One layer. [rows, hidden] in, [rows, hidden] out; rows are tokens of any sequences at any positions. `next`: the norm that the
// layer behind it begins with, or null.
void run_layer(const LayerWeights& layer, const NormWeights* next, const ModelConfig& c, Rows rows, Activations& a, const Machine& machine) {
  switch (c.block) {
    case BlockKind::pre_norm: return run_pre_norm(layer, next, c, rows, a, machine);
    case BlockKind::parallel: return run_parallel(layer, next, c, rows, a, machine);
    case BlockKind::post_norm: return run_post_norm(layer, c, rows, a, machine);
  }
}

}  // namespace

// A layer's first norm is made with the join before it: one launch on a GPU.
void run_layers(const Weights& weights, const ModelConfig& config, Rows rows, Activations& a, const Machine& machine) {
  const std::vector<LayerWeights>& layers = weights.layers;
  if (config.block != BlockKind::post_norm) norm(layers.front().attn_norm, config, rows.count(), {.x = a.x, .y = a.normed}, machine.ops);
  for (size_t i = 0; i < layers.size(); ++i) {
    run_layer(layers[i], i + 1 < layers.size() ? &layers[i + 1].attn_norm : nullptr, config, rows, a, machine);
  }
}

}  // namespace yoke::node::forward
