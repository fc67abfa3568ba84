#include "core/error.h"
#include "node/forward/linear.h"
#include "node/forward/transformer.h"

namespace yoke::node::forward {

namespace {

// y [rows, hidden] <- the given rows of a.x
void gather(std::span<const int64_t> rows, int64_t hidden, Activations& a, float* y, kernels::Ops& ops) {
  YOKE_ASSERT(rows.size() <= static_cast<size_t>(kHeadRows));
  for (size_t i = 0; i < rows.size(); ++i) a.head_rows[i] = static_cast<int32_t>(rows[i]);
  ops.run(kernels::GatherRows{.x = a.x, .width = hidden, .from = {a.head_rows, rows.size()}, .y = y});
}

}  // namespace

void head(const Weights& weights, const model::ModelConfig& config, std::span<const int64_t> rows, Activations& a,
          const Machine& machine) {
  const int64_t n = static_cast<int64_t>(rows.size());
  float* const wanted = a.sum[0];  // [n, hidden]: the layers are done with it
  gather(rows, config.hidden, a, wanted, machine.ops);
  norm(weights.final_norm, config, n, {.x = wanted, .y = a.normed}, machine.ops);
  Problems<kernels::Linear> products;
  for (const int half : machine.halves) {  // a.normed [n, hidden] -> a.logits[half] [n, vocab half]
    if (weights.head[half].rows() > 0) products.push_back(linear(weights.head[half], a.normed, n, a.logits[half], nullptr));
  }
  run(machine.ops, products);
  for (const kernels::Linear& p : products) {
    if (config.logit_scale != 1.0f) machine.ops.run(kernels::Scale{.x = p.y, .count = n * p.w.rows(), .factor = config.logit_scale});
  }
  machine.wait("the logits");
}

void states(const model::ModelConfig& config, std::span<const int64_t> rows, Activations& a, const Machine& machine) {
  gather(rows, config.hidden, a, a.logits[0], machine.ops);
  machine.wait("the hidden states");
}

}  // namespace yoke::node::forward
