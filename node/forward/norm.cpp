#include "node/forward/transformer.h"

namespace yoke::node::forward {

void norm(const NormWeights& w, const model::ModelConfig& c, int64_t rows, const Joined& join, kernels::Ops& ops) {
  kernels::JoinNorm problem{.x = join.x, .h0 = join.h0, .h1 = join.h1, .rows = rows, .width = c.hidden, .w = w.w, .bias = w.bias,
                            .epsilon = c.norm_epsilon, .y = join.y,
                            .meeting = join.meeting};
  switch (c.norm) {
    case model::NormKind::rms: break;
    case model::NormKind::layer: problem.centred = true; break;
  }
  ops.run(problem);
}

}  // namespace yoke::node::forward
