#include <algorithm>
#include <cmath>

#include "kernels/reference/reference_ops.h"

namespace yoke::kernels::reference {
namespace {

void rotate(float& a, float& b, float cos, float sin) {
  const float first = std::fma(a, cos, -(b * sin));
  const float second = std::fma(b, cos, a * sin);
  a = first;
  b = second;
}

}  // namespace

void rotary_embedding(const RotaryEmbedding& p) {
  const int64_t half = p.dims / 2;
  for (int64_t r = 0; r < p.rows; ++r) {
    for (int64_t h = 0; h < p.heads; ++h) {
      float* x = p.x + r * p.x_stride + h * p.head_stride;
      for (int64_t i = 0; i < half; ++i) {
        float& a = p.neighbours ? x[2 * i] : x[i];
        float& b = p.neighbours ? x[2 * i + 1] : x[i + half];
        rotate(a, b, p.cos[r * half + i], p.sin[r * half + i]);
      }
    }
  }
}

void scale(const Scale& p) {
  for (int64_t i = 0; i < p.count; ++i) p.x[i] = p.x[i] * p.factor;
}

void residual_add(const ResidualAdd& p) {
  for (int64_t i = 0; i < p.count; ++i) {
    p.x[i] = p.x[i] + (p.h1 != nullptr ? p.h0[i] + p.h1[i] : p.h0[i]);
  }
}

void scatter_add(const ScatterAdd& p) {
  for (size_t r = 0; r < p.to.size(); ++r) {
    const float* x = p.x + static_cast<int64_t>(r) * p.width;
    float* y = p.y + p.to[r] * p.width;
    for (int64_t i = 0; i < p.width; ++i) y[i] = std::fma(p.weights[r], x[i], y[i]);
  }
}

void gather_rows(const GatherRows& p) {
  for (size_t r = 0; r < p.from.size(); ++r) {
    std::copy_n(p.x + p.from[r] * p.width, p.width, p.y + static_cast<int64_t>(r) * p.width);
  }
}

}  // namespace yoke::kernels::reference
