// Norms. Sums over a row use 16 virtual lanes and a fixed tree, so that every width of vector gives the same bits.
#include <array>
#include <cmath>

#include "kernels/reference/reference_ops.h"

namespace yoke::kernels::reference {
namespace {

// Element i joins lane i % 16 by `join`; then stride 8, 4, 2, 1.
template <typename Join>
float sum_over_lanes(int64_t width, Join&& join) {
  std::array<float, 16> lanes{};
  for (int64_t i = 0; i < width; ++i) {
    float& lane = lanes[static_cast<size_t>(i % 16)];
    lane = join(lane, i);
  }
  for (size_t stride = 8; stride > 0; stride /= 2) {
    for (size_t i = 0; i < stride; ++i) lanes[i] = lanes[i] + lanes[i + stride];
  }
  return lanes[0];
}

float row_sum(const float* x, int64_t width) {
  return sum_over_lanes(width, [x](float lane, int64_t i) { return lane + x[i]; });
}

// Of x - mean.
float row_sum_of_squares(const float* x, float mean, int64_t width) {
  return sum_over_lanes(width, [x, mean](float lane, int64_t i) { return std::fma(x[i] - mean, x[i] - mean, lane); });
}

float inverse_deviation(float squares, int64_t width, float epsilon) {
  return 1.0f / std::sqrt(squares / static_cast<float>(width) + epsilon);
}

}  // namespace

void rms_norm(const RmsNorm& p) {
  for (int64_t r = 0; r < p.rows; ++r) {
    const float* x = p.x + r * p.x_stride;
    float* y = p.y + r * p.y_stride;
    const float inverse = inverse_deviation(row_sum_of_squares(x, 0.0f, p.width), p.width, p.epsilon);
    for (int64_t i = 0; i < p.width; ++i) y[i] = x[i] * inverse * p.w[i];
  }
}

void layer_norm(const LayerNorm& p) {
  for (int64_t r = 0; r < p.rows; ++r) {
    const float* x = p.x + r * p.x_stride;
    float* y = p.y + r * p.y_stride;
    const int64_t w = r % p.w_rows * p.width;
    const float mean = row_sum(x, p.width) / static_cast<float>(p.width);
    const float inverse = inverse_deviation(row_sum_of_squares(x, mean, p.width), p.width, p.epsilon);
    for (int64_t i = 0; i < p.width; ++i) {
      const float normal = (x[i] - mean) * inverse * p.w[w + i];
      y[i] = p.bias != nullptr ? normal + p.bias[w + i] : normal;
    }
  }
}

void sum_of_squares(const SumOfSquares& p) {
  for (int64_t r = 0; r < p.rows; ++r) p.sums[r] = row_sum_of_squares(p.x + r * p.x_stride, 0.0f, p.width);
}

void rms_scale(const RmsScale& p) {
  for (int64_t r = 0; r < p.rows; ++r) {
    float* x = p.x + r * p.x_stride;
    const float inverse = inverse_deviation(p.sums[r], p.whole_width, p.epsilon);
    for (int64_t i = 0; i < p.width; ++i) x[i] = x[i] * inverse * p.w[i];
  }
}

}  // namespace yoke::kernels::reference
