#include "core/error.h"
#include "node/forward/linear.h"
#include "node/forward/rows.h"
#include "node/forward/transformer.h"

namespace yoke::node::forward {

void head(const Weights& weights, const model::ModelConfig& config, std::span<const int64_t> rows, Activations& a,
          const Machine& machine) {
  const int64_t n = static_cast<int64_t>(rows.size()), hidden = config.hidden;
  YOKE_ASSERT(n <= kHeadRows);
  float* const wanted = a.sum[0];  // [n, hidden]: the layers are done with it
  take_rows(rows, a.x, hidden, wanted, hidden);
  norm(weights.final_norm, config, n, wanted, a.normed, machine.ops);
  for (const int half : machine.halves) {  // a.normed [n, hidden] -> a.logits[half] [n, vocab half]
    const kernels::PackedMatrix& w = weights.head[half];
    if (w.rows() == 0) continue;
    linear(machine.ops, w, a.normed, n, a.logits[half], nullptr);
    if (config.logit_scale != 1.0f) machine.ops.run(kernels::Scale{.x = a.logits[half], .count = n * w.rows(), .factor = config.logit_scale});
  }
}

void states(const model::ModelConfig& config, std::span<const int64_t> rows, Activations& a) {
  take_rows(rows, a.x, config.hidden, a.logits[0], config.hidden);
}

}  // namespace yoke::node::forward
