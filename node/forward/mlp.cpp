#include <algorithm>

#include "node/forward/linear.h"
#include "node/forward/transformer.h"

namespace yoke::node::forward {

// SwiGLU of one half: its features, its columns of the down projection.
void mlp(const HalfWeights& w, const model::ModelConfig& c, Rows rows, Activations& a, float* sum, kernels::Ops& ops) {
  const int64_t n = rows.count();
  if (w.features == 0) {  // an empty half adds +0
    std::fill_n(sum, n * c.hidden, 0.0f);
    return;
  }
  linear(ops, w.gate, a.normed, n, a.gate, w.gate_bias);  // a.gate [n, features]
  linear(ops, w.up, a.normed, n, a.up, w.up_bias);        // a.up   [n, features]
  ops.run(kernels::SwiGlu{.gate = a.gate, .up = a.up, .rows = n, .width = w.features, .stride = w.features, .y = a.gate});
  linear(ops, w.down, a.gate, n, sum, w.down_bias);       // sum    [n, hidden]
}

}  // namespace yoke::node::forward
