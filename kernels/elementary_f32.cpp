// Functions of float, by range reduction with fma and polynomials of our own. Every step is one correctly rounded operation,
// so the result is the same on every machine; kernels/cpu/elementary-inl.h repeats exp, tanh and erf step by step.
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/elementary.h"
#include "kernels/elementary_constants.h"

namespace yoke::kernels {
namespace {

template <size_t kTerms>
float polynomial(const float (&coefficients)[kTerms], float x) {
  float sum = coefficients[kTerms - 1];
  for (size_t i = kTerms - 1; i > 0; --i) sum = std::fma(sum, x, coefficients[i - 1]);
  return sum;
}

}  // namespace

float exp_f32(float x) {
  using namespace exp_constants;
  x = x > kHighest ? kHighest : x;
  x = x < kLowest ? kLowest : x;
  const float shifted = std::fma(x, kLog2E, kRound);
  const float n = shifted - kRound;
  const float r = std::fma(-n, kLn2Low, std::fma(-n, kLn2High, x));
  float q = kQ4;
  q = std::fma(q, r, kQ3);
  q = std::fma(q, r, kQ2);
  q = std::fma(q, r, kQ1);
  q = std::fma(q, r, kQ0);
  const float p = std::fma(q, r * r, r) + 1.0f;
  // Two factors, so that neither 2^128 nor 2^-150 has to be one float.
  const int32_t power = static_cast<int32_t>(std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(kRound));
  const int32_t half = power >> 1;
  const float first = std::bit_cast<float>(static_cast<uint32_t>(half + 127) << 23);
  const float second = std::bit_cast<float>(static_cast<uint32_t>(power - half + 127) << 23);
  return p * first * second;
}

float log_f32(float x) {
  if (!(x > 0)) return x == 0 ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  if (x == std::numeric_limits<float>::infinity()) return x;
  int32_t exponent = 0;
  if (x < 0x1p-126f) {
    x *= 0x1p25f;
    exponent = -25;
  }
  constexpr uint32_t kSqrtHalf = 0x3F3504F3;  // so that the mantissa falls into [sqrt(1/2), sqrt(2))
  const uint32_t bits = std::bit_cast<uint32_t>(x) + (0x3F800000u - kSqrtHalf);
  exponent += static_cast<int32_t>(bits >> 23) - 127;
  const float f = std::bit_cast<float>((bits & 0x7FFFFFu) + kSqrtHalf) - 1.0f;
  const float s = f / (2.0f + f);
  const float s2 = s * s;
  float sum = 0.233329128f;  // 2/3, 2/5, 2/7, 2/9 of the series, bent to interpolate it at Chebyshev points of [0, 0.0295]
  sum = std::fma(sum, s2, 0.285507308f);
  sum = std::fma(sum, s2, 0.400001226f);
  sum = std::fma(sum, s2, 0.666666666f);
  const float half_square = 0.5f * f * f;
  const float k = static_cast<float>(exponent);
  const float tail = std::fma(s, std::fma(s2, sum, half_square), k * exp_constants::kLn2Low);
  return std::fma(k, exp_constants::kLn2High, f - (half_square - tail));
}

float tanh_f32(float x) {
  using namespace tanh_constants;
  const float magnitude = std::fabs(x);
  const float square = x * x;
  const float value = magnitude < kSmall ? std::fma(polynomial(kSeries, square), square * x, x)
                                         : 1.0f - 2.0f / (exp_f32(magnitude + magnitude) + 1.0f);
  return std::copysign(value, x);  // of -0 too
}

float erf_f32(float x) {
  using namespace erf_constants;
  const float magnitude = std::fabs(x);
  if (magnitude < kSmall) return std::fma(polynomial(kSeries, x * x), x, x);
  const float bounded = magnitude > kHighest ? kHighest : magnitude;
  return std::copysign(1.0f - exp_f32(polynomial(kLogErfc, bounded)), x);
}

}  // namespace yoke::kernels
