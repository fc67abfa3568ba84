#include "node/forward/transformer.h"

namespace yoke::node::forward {

void norm(const NormWeights& w, const model::ModelConfig& c, int64_t rows, const float* x, float* y, kernels::Ops& ops) {
  switch (c.norm) {
    case model::NormKind::rms:
      return ops.run(kernels::RmsNorm{.x = x, .x_stride = c.hidden, .rows = rows, .width = c.hidden, .w = w.w,
                                      .epsilon = c.norm_epsilon, .y = y, .y_stride = c.hidden});
    case model::NormKind::layer:
      return ops.run(kernels::LayerNorm{.x = x, .x_stride = c.hidden, .rows = rows, .width = c.hidden, .w = w.w, .bias = w.bias,
                                        .epsilon = c.norm_epsilon, .y = y, .y_stride = c.hidden});
  }
}

}  // namespace yoke::node::forward
