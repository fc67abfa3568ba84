#include "node/forward/transformer.h"

namespace yoke::node::forward {
namespace {

using kernels::ResidualAdd;
using kernels::RmsNorm;

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

// One layer of a Llama. [rows, hidden] in, [rows, hidden] out; rows are tokens of any sequences at any positions.
void run_layer(const LayerWeights& layer, const model::ModelConfig& c, Rows rows, Activations& a, const Machine& machine) {
  const auto norm = [&](const float* w) {       // a.x [rows, hidden] -> a.normed [rows, hidden]
    machine.ops.run(RmsNorm{.x = a.x, .x_stride = c.hidden, .rows = rows.count(), .width = c.hidden, .w = w,
                            .epsilon = c.norm_epsilon, .y = a.normed, .y_stride = c.hidden});
  };

  norm(layer.attn_norm);
  for (const int half : machine.halves) {       // a.normed [rows, hidden] -> a.sum[half] [rows, hidden]
    attention(layer.half[half], c, rows, a, a.sum[half], machine.ops);
  }
  join(rows, c.hidden, a, machine);             // a.x [rows, hidden]

  norm(layer.mlp_norm);
  for (const int half : machine.halves) {       // a.normed [rows, hidden] -> a.sum[half] [rows, hidden]
    mlp(layer.half[half], c, rows, a, a.sum[half], machine.ops);
  }
  join(rows, c.hidden, a, machine);             // a.x [rows, hidden]
}

}  // namespace

void run_layers(const Weights& weights, const model::ModelConfig& config, Rows rows, Activations& a, const Machine& machine) {
  for (const LayerWeights& layer : weights.layers) run_layer(layer, config, rows, a, machine);
}

}  // namespace yoke::node::forward
