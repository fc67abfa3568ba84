// A mixture of experts: every row goes through its chosen ones. The choice is made by every rank alike, from equal bits.
#include <algorithm>

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

// The rows that chose `expert` and what each weighs it by.
void collect_rows(int32_t expert, int64_t rows, int64_t top_k, Activations& a) {
  a.expert_rows.clear();
  a.expert_weights.clear();
  for (int64_t i = 0; i < rows * top_k; ++i) {
    if (a.chosen[static_cast<size_t>(i)] != expert) continue;
    a.expert_rows.push_back(static_cast<int32_t>(i / top_k));
    a.expert_weights.push_back(a.weights[static_cast<size_t>(i)]);
  }
}

}  // namespace

void route(const LayerWeights& w, const model::ModelConfig& c, int64_t rows, const float* in, Activations& a, kernels::Ops& ops) {
  linear(ops, w.router, in, rows, a.router, w.router_bias);  // a.router [rows, experts]
  ops.run(kernels::Route{.logits = a.router, .rows = rows, .experts = c.moe.experts, .top_k = c.moe.top_k,
                         .score = score_of(c.moe.router), .correction = w.router_correction, .renormalise = c.moe.renormalise,
                         .scaling = static_cast<float>(c.moe.scaling), .groups = c.moe.groups, .top_groups = c.moe.top_groups,
                         .chosen = a.chosen.data(), .weights = a.weights.data()});
}

// sum = w_0 p_0 + w_1 p_1 + ... over this half's part of the experts, ascending; then the shared experts' (docs/bits.md rule 4).
void moe(const HalfWeights& w, const model::ModelConfig& c, int64_t rows, const float* in, Activations& a, float* sum, kernels::Ops& ops) {
  std::fill_n(sum, rows * c.hidden, 0.0f);
  for (size_t i = 0; i < w.experts.size(); ++i) {
    collect_rows(static_cast<int32_t>(w.first_expert + static_cast<int64_t>(i)), rows, c.moe.top_k, a);
    if (a.expert_rows.empty() || w.experts[i].features() == 0) continue;
    const int64_t n = static_cast<int64_t>(a.expert_rows.size());
    ops.run(kernels::GatherRows{.x = in, .width = c.hidden, .from = a.expert_rows, .y = a.expert_x});  // [n, hidden]
    mlp(w.experts[i], c, n, a.expert_x, a, a.expert_y, ops);                                           // [n, hidden]
    ops.run(kernels::ScatterAdd{.x = a.expert_y, .width = c.hidden, .to = a.expert_rows, .weights = a.expert_weights, .y = sum});
  }
  if (w.shared.features() == 0) return;
  mlp(w.shared, c, rows, in, a, a.expert_y, ops);
  ops.run(kernels::ResidualAdd{.x = sum, .h0 = a.expert_y, .h1 = nullptr, .count = rows * c.hidden});
}

}  // namespace yoke::node::forward
