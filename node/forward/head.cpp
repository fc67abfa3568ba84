#include <algorithm>

#include "core/error.h"
#include "node/forward/linear.h"
#include "node/forward/transformer.h"

namespace yoke::node::forward {

void want_rows(std::span<const int64_t> rows, int64_t filled, Activations& a) {
  YOKE_ASSERT(static_cast<int64_t>(rows.size()) <= filled && filled <= kHeadRows);
  std::fill_n(a.head_rows, filled, 0);
  for (size_t i = 0; i < rows.size(); ++i) a.head_rows[i] = static_cast<int32_t>(rows[i]);
}

void head(const Weights& weights, const model::ModelConfig& config, int64_t n, Activations& a, const Machine& machine) {
  float* const wanted = a.sum[0];  // [n, hidden]: the layers are done with it
  machine.ops.run(kernels::GatherRows{.x = a.x, .width = config.hidden, .from = {a.head_rows, static_cast<size_t>(n)}, .y = wanted});
  norm(weights.final_norm, config, n, {.x = wanted, .y = a.normed}, machine.ops);
  Problems<kernels::Linear> products;
  for (const int half : machine.halves) {  // a.normed [n, hidden] -> a.logits[half] [n, vocab half]
    if (weights.head[half].rows() > 0) products.push_back(linear(weights.head[half], a.normed, n, a.logits[half], nullptr));
  }
  run(machine.ops, products);
  for (const kernels::Linear& p : products) {
    if (config.logit_scale != 1.0f) machine.ops.run(kernels::Scale{.x = p.y, .count = n * p.w.rows(), .factor = config.logit_scale});
  }
}

void find_candidates(std::span<const Range> vocab, int64_t n, Activations& a, const Machine& machine) {
  boost::container::static_vector<kernels::CandidateSlice, 2> slices;
  for (const int half : machine.halves) {
    slices.push_back({a.logits[half], vocab[static_cast<size_t>(half)], a.candidate_summaries[half], a.candidates[half]});
  }
  machine.ops.run(kernels::Candidates{.requests = a.candidate_requests, .rows = n, .slices = {slices.data(), slices.size()}});
}

void states(const model::ModelConfig& config, std::span<const int64_t> rows, Activations& a, const Machine& machine) {
  want_rows(rows, static_cast<int64_t>(rows.size()), a);
  machine.ops.run(kernels::GatherRows{.x = a.x, .width = config.hidden, .from = {a.head_rows, rows.size()}, .y = a.logits[0]});
  machine.wait("the hidden states");
}

}  // namespace yoke::node::forward
