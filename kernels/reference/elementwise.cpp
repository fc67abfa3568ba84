#include <array>
#include <cmath>

#include "kernels/elementary.h"
#include "kernels/reference/reference_ops.h"

namespace yoke::kernels::reference {
namespace {

float sum_of_squares(const float* x, int64_t width) {
  std::array<float, 16> lanes{};
  for (int64_t i = 0; i < width; ++i) {
    float& lane = lanes[static_cast<size_t>(i % 16)];
    lane = std::fma(x[i], x[i], lane);
  }
  for (size_t stride = 8; stride > 0; stride /= 2) {
    for (size_t i = 0; i < stride; ++i) lanes[i] = lanes[i] + lanes[i + stride];
  }
  return lanes[0];
}

void rotate(float& a, float& b, float cos, float sin) {
  const float first = std::fma(a, cos, -(b * sin));
  const float second = std::fma(b, cos, a * sin);
  a = first;
  b = second;
}

}  // namespace

void rms_norm(const RmsNorm& p) {
  for (int64_t r = 0; r < p.rows; ++r) {
    const float* x = p.x + r * p.x_stride;
    float* y = p.y + r * p.y_stride;
    const float mean = sum_of_squares(x, p.width) / static_cast<float>(p.width);
    const float inverse = 1.0f / std::sqrt(mean + p.epsilon);
    for (int64_t i = 0; i < p.width; ++i) y[i] = x[i] * inverse * p.w[i];
  }
}

void rotary_embedding(const RotaryEmbedding& p) {
  const int64_t half = p.head_dim / 2;
  for (int64_t r = 0; r < p.rows; ++r) {
    for (int64_t h = 0; h < p.heads; ++h) {
      float* x = p.x + r * p.x_stride + h * p.head_dim;
      for (int64_t i = 0; i < half; ++i) {
        float& a = p.neighbours ? x[2 * i] : x[i];
        float& b = p.neighbours ? x[2 * i + 1] : x[i + half];
        rotate(a, b, p.cos[r * half + i], p.sin[r * half + i]);
      }
    }
  }
}

void swiglu(const SwiGlu& p) {
  for (int64_t r = 0; r < p.rows; ++r) {
    for (int64_t i = r * p.stride; i < r * p.stride + p.width; ++i) {
      p.y[i] = p.gate[i] / (1.0f + exp_f32(-p.gate[i])) * p.up[i];
    }
  }
}

void residual_add(const ResidualAdd& p) {
  for (int64_t i = 0; i < p.count; ++i) {
    p.x[i] = p.x[i] + (p.h1 != nullptr ? p.h0[i] + p.h1[i] : p.h0[i]);
  }
}

}  // namespace yoke::kernels::reference
