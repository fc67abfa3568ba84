// What a product of mode `bf16` should give, as a plain function: x rounded to bf16, the weight's value as
// kernels/format/values.h has it, sums in double. And how far a kernel may be from that.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "core/half.h"
#include "kernels/format/values.h"
#include "kernels/ops.h"

namespace yoke::kernels::cuda::testing {

struct TwinValue {
  double value;
  double bound;
};

// Roundings to f32 on an output's way: an MMA for each 16 columns of a part, the sum of the parts, the scales on both
// sides. `unit` is what one of them costs relative to the sum of magnitudes: 2^-24 where an MMA rounds once to nearest
// (the emulator), more where it truncates.
inline double linear_bound(int64_t cols, double magnitudes, double unit = 0x1p-24) {
  const double chain = static_cast<double>(ceil_div(cols, 128) + 4 * 2);  // at most 4 MMAs more: parts are whole units
  return magnitudes * unit * (chain + 8 + 4) + 1e-37;
}

// [rows][outputs] of the range that the product makes.
inline std::vector<TwinValue> linear_twin(const Linear& p, double unit = 0x1p-24) {
  const Range outputs =
      p.outputs.empty() ? Range{0, p.w.rows()} : Range{p.outputs.begin, std::min(p.outputs.end, p.w.rows())};
  std::vector<TwinValue> twin(static_cast<size_t>(p.rows * outputs.size()));
  std::vector<float> w(static_cast<size_t>(p.w.cols()));
  for (int64_t n = outputs.begin; n < outputs.end; ++n) {
    format::weights(p.w, n, {0, p.w.cols()}, w.data());
    for (int64_t r = 0; r < p.rows; ++r) {
      double sum = 0, magnitudes = 0;
      for (int64_t k = 0; k < p.w.cols(); ++k) {
        const double product =
            double{w[static_cast<size_t>(k)]} * double{bf16_to_f32(f32_to_bf16(p.x[r * p.x_stride + k]))};
        sum += product;
        magnitudes += std::abs(product);
      }
      if (p.bias != nullptr) {
        sum += double{p.bias[n]};
        magnitudes += std::abs(double{p.bias[n]});
      }
      twin[static_cast<size_t>(r * outputs.size() + n - outputs.begin)] = {sum,
                                                                           linear_bound(p.w.cols(), magnitudes, unit)};
    }
  }
  return twin;
}

}  // namespace yoke::kernels::cuda::testing
