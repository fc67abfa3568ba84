// exp, tanh and erf of float as kernels/elementary_f32.cpp has them, step by step: the same bits on the device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>

#include "kernels/elementary.h"
#include "kernels/elementary_constants.h"

namespace yoke::kernels::cuda {

template <const auto& kCoefficients, size_t kFirst = 0>
__device__ __forceinline__ float polynomial(float x) {
  constexpr float kHere = kCoefficients[kFirst];
  if constexpr (kFirst + 1 == std::size(kCoefficients)) {
    return kHere;
  } else {
    return fmaf(polynomial<kCoefficients, kFirst + 1>(x), x, kHere);
  }
}

__device__ __forceinline__ float device_exp(float x) {
  using namespace exp_constants;
  x = x > kHighest ? kHighest : x;
  x = x < kLowest ? kLowest : x;
  const float shifted = fmaf(x, kLog2E, kRound);
  const float n = shifted - kRound;
  const float r = fmaf(-n, kLn2Low, fmaf(-n, kLn2High, x));
  float q = kQ4;
  q = fmaf(q, r, kQ3);
  q = fmaf(q, r, kQ2);
  q = fmaf(q, r, kQ1);
  q = fmaf(q, r, kQ0);
  const float p = fmaf(q, r * r, r) + 1.0f;
  const int32_t power = static_cast<int32_t>(__float_as_uint(shifted) - __float_as_uint(kRound));
  const int32_t half = power >> 1;
  return p * __uint_as_float(static_cast<uint32_t>(half + 127) << 23) * __uint_as_float(static_cast<uint32_t>(power - half + 127) << 23);
}

__device__ __forceinline__ float device_tanh(float x) {
  using namespace tanh_constants;
  const float magnitude = fabsf(x);
  const float square = x * x;
  const float value = magnitude < kSmall ? fmaf(polynomial<kSeries>(square), square * x, x)
                                         : 1.0f - 2.0f / (device_exp(magnitude + magnitude) + 1.0f);
  return copysignf(value, x);
}

__device__ __forceinline__ float device_erf(float x) {
  using namespace erf_constants;
  const float magnitude = fabsf(x);
  if (magnitude < kSmall) return fmaf(polynomial<kSeries>(x * x), x, x);
  const float bounded = magnitude > kHighest ? kHighest : magnitude;
  return copysignf(1.0f - device_exp(polynomial<kLogErfc>(bounded)), x);
}

}  // namespace yoke::kernels::cuda
