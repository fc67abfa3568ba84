// A mixture of experts: every row goes through its chosen ones. The choice is made by every rank alike, from equal bits.
#include "node/forward/linear.h"
#include "node/forward/transformer.h"

namespace yoke::node::forward {
namespace {

kernels::RouterScore score_of(model::RouterKind kind) {
  switch (kind) {
    case model::RouterKind::softmax: return kernels::RouterScore::softmax;
    case model::RouterKind::softmax_top_k: return kernels::RouterScore::softmax_top_k;
    case model::RouterKind::sigmoid: return kernels::RouterScore::sigmoid;
  }
  return kernels::RouterScore::softmax;
}

kernels::GroupedLinear grouped(const ExpertMatrices& w, const Activations& a, const float* x, int64_t pairs, int64_t top_k, float* y) {
  return {.experts = w.matrices, .bias = w.biases, .offsets = a.offsets, .pairs = pairs, .top_k = top_k, .x = x,
          .x_stride = w.matrices.front().cols(), .y = y};
}

// a.expert_y [pairs, hidden] <- each pair's expert of its row of `in`.
void run_experts(const ExpertWeights& w, int half, const model::ModelConfig& c, int64_t rows, const float* in, Activations& a, kernels::Ops& ops) {
  const int64_t top_k = c.moe.top_k, pairs = rows * top_k;
  const auto from_rows = [&](const ExpertMatrices& matrices, float* y) {
    kernels::GroupedLinear product = grouped(matrices, a, in, pairs, top_k, y);
    product.slots = a.slots;
    ops.run(product);
  };
  if (!w.gate.matrices.empty()) from_rows(w.gate, a.gate[half]);                                   // a.gate [pairs, features]
  from_rows(w.up, a.up[half]);                                                                     // a.up   [pairs, features]
  activate({{half, w.features()}}, c, pairs, a, ops);
  ops.run(grouped(w.down, a, activated(c, half, a), pairs, top_k, a.expert_y));
}

}  // namespace

void route(const LayerWeights& w, const model::ModelConfig& c, int64_t rows, const float* in, Activations& a, kernels::Ops& ops) {
  linear(ops, w.router, in, rows, a.router, w.router_bias);  // a.router [rows, experts]
  ops.run(kernels::Route{.logits = a.router, .rows = rows, .experts = c.moe.experts, .top_k = c.moe.top_k,
                         .score = score_of(c.moe.router), .correction = w.router_correction, .renormalise = c.moe.renormalise,
                         .scaling = static_cast<float>(c.moe.scaling), .groups = c.moe.groups, .top_groups = c.moe.top_groups,
                         .chosen = a.chosen, .weights = a.weights});
}

// sum = w_0 p_0 + w_1 p_1 + ... over this half's part of the experts, ascending; then the shared experts' (docs/bits.md rule 4).
void moe(const HalfWeights& w, int half, const model::ModelConfig& c, Rows rows, const float* in, Activations& a, float* sum,
         kernels::Ops& ops) {
  const int64_t n = rows.count();
  if (w.experts.features() == 0) {
    ops.run(kernels::Fill{.x = sum, .count = n * c.hidden});
  } else {
    ops.run(kernels::SortExperts{.chosen = a.chosen, .rows = n, .top_k = c.moe.top_k, .experts = w.expert_range, .row_places = rows.places,
                                 .offsets = a.offsets, .slots = a.slots, .places = a.places});
    run_experts(w.experts, half, c, n, in, a, ops);
    ops.run(kernels::CombineExperts{.x = a.expert_y, .places = a.places, .weights = a.weights, .rows = n, .top_k = c.moe.top_k,
                                    .width = c.hidden, .y = sum});
  }
  if (w.shared.features() == 0) return;
  mlp({{w.shared, half, a.expert_y}}, c, n, in, a, ops);
  ops.run(kernels::ResidualAdd{.x = sum, .h0 = a.expert_y, .h1 = nullptr, .count = n * c.hidden});
}

}  // namespace yoke::node::forward
