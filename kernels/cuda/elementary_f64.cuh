// log of double as kernels/elementary.cpp has it, step by step: the same bits on the device.
#pragma once

#include <cstdint>

#include "kernels/elementary_constants.h"

namespace yoke::kernels::cuda {

// Of normal x > 0 alone.
__device__ __forceinline__ double device_log_of_normal(double x) {
  using namespace log_f64_constants;
  const uint64_t bits = static_cast<uint64_t>(__double_as_longlong(x)) + (0x3FF0000000000000ull - kSqrtHalf);
  const double k = static_cast<double>(static_cast<int32_t>(bits >> 52) - 1023);
  const double f = __longlong_as_double(static_cast<long long>((bits & 0xFFFFFFFFFFFFFull) + kSqrtHalf)) - 1.0;
  const double s = f / (2.0 + f);
  const double s2 = s * s;
  double sum = 0.0;
#pragma unroll
  for (int i = kTerms; i >= 1; --i) sum = fma(sum, s2, 2.0 / (2 * i + 1));
  return fma(k, kLn2High, fma(k, kLn2Low, f - s * (f - s2 * sum)));
}

}  // namespace yoke::kernels::cuda
