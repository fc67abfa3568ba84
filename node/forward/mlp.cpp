#include <algorithm>

#include "node/forward/linear.h"
#include "node/forward/transformer.h"

namespace yoke::node::forward {
namespace {

// a.gate [rows, features] <- activation(a.gate, a.up); the plain one works in a.up.
const float* activate(const model::ModelConfig& c, int64_t rows, int64_t features, Activations& a, kernels::Ops& ops) {
  switch (c.mlp) {
    case model::MlpKind::swiglu:
      ops.run(kernels::SwiGlu{.gate = a.gate, .up = a.up, .rows = rows, .width = features, .stride = features, .y = a.gate});
      return a.gate;
    case model::MlpKind::swiglu_clamped:
      ops.run(kernels::ClampedSwiGlu{.gate = a.gate, .up = a.up, .rows = rows, .width = features, .stride = features,
                                     .alpha = c.swiglu_alpha, .limit = c.swiglu_limit, .y = a.gate});
      return a.gate;
    case model::MlpKind::gelu:
      ops.run(kernels::Gelu{.x = a.up, .count = rows * features});
      return a.up;
  }
  return a.gate;
}

}  // namespace

// One half's features, its columns of the down projection.
void mlp(const MlpWeights& w, const model::ModelConfig& c, int64_t rows, const float* in, Activations& a, float* sum, kernels::Ops& ops) {
  const int64_t features = w.features();
  if (features == 0) {  // an empty half adds +0
    std::fill_n(sum, rows * c.hidden, 0.0f);
    return;
  }
  if (w.gate.rows() > 0) linear(ops, w.gate, in, rows, a.gate, w.gate_bias);     // a.gate [rows, features]
  linear(ops, w.up, in, rows, a.up, w.up_bias);                                  // a.up   [rows, features]
  linear(ops, w.down, activate(c, rows, features, a, ops), rows, sum, w.down_bias);  // sum [rows, hidden]
}

}  // namespace yoke::node::forward
