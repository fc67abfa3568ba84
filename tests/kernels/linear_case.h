// Random products for the tests of Linear, as parts of weights of any format.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/ops.h"
#include "tests/kernels/random_weight.h"

namespace yoke::kernels::testing {

// A product with all that its shape allows: a part that begins and ends anywhere, rows past 64, K that fills no chunk, N that fills
// no panel, strides, with and without bias.
struct LinearCase {
  PackedPart weight;
  int64_t rows, x_stride, y_stride;
  std::vector<float> x, bias;
  bool with_bias;

  int64_t outputs() const { return weight.shape.rows; }
  int64_t cols() const { return weight.shape.cols; }
  std::vector<float> run(Ops& ops, int64_t first_row, int64_t count) const {
    std::vector<float> y = poisoned(std::max<int64_t>(rows, 1) * y_stride);
    ops.run(Linear{.w = weight.matrix(), .x = x.data() + first_row * x_stride, .x_stride = x_stride, .rows = count,
                   .y = y.data() + first_row * y_stride, .y_stride = y_stride, .bias = with_bias ? bias.data() : nullptr});
    return y;
  }
  std::vector<float> run(Ops& ops) const { return run(ops, 0, rows); }
};

LinearCase random_linear(uint64_t seed, const FormatSample& sample);

}  // namespace yoke::kernels::testing
