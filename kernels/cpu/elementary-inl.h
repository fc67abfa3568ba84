// exp_f32, tanh_f32 and erf_f32 of kernels/elementary_f32.cpp on vectors, step by step the same operations.
#include <hwy/highway.h>

#include "kernels/cpu/lanes-inl.h"
#include "kernels/elementary_constants.h"

#if defined(YOKE_KERNELS_CPU_ELEMENTARY_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef YOKE_KERNELS_CPU_ELEMENTARY_INL
#undef YOKE_KERNELS_CPU_ELEMENTARY_INL
#else
#define YOKE_KERNELS_CPU_ELEMENTARY_INL
#endif

HWY_BEFORE_NAMESPACE();
namespace yoke::kernels::cpu::HWY_NAMESPACE {

HWY_INLINE V exp(V x) {
  namespace c = exp_constants;
  const Ints ints;
  // Comparisons, not Min and Max: a NaN passes both.
  x = hn::IfThenElse(hn::Gt(x, broadcast(c::kHighest)), broadcast(c::kHighest), x);
  x = hn::IfThenElse(hn::Lt(x, broadcast(c::kLowest)), broadcast(c::kLowest), x);
  const V shifted = fma(x, broadcast(c::kLog2E), broadcast(c::kRound));
  const V minus_n = hn::Neg(hn::Sub(shifted, broadcast(c::kRound)));
  const V r = fma(minus_n, broadcast(c::kLn2Low), fma(minus_n, broadcast(c::kLn2High), x));
  V q = broadcast(c::kQ4);
  q = fma(q, r, broadcast(c::kQ3));
  q = fma(q, r, broadcast(c::kQ2));
  q = fma(q, r, broadcast(c::kQ1));
  q = fma(q, r, broadcast(c::kQ0));
  const V p = hn::Add(fma(q, hn::Mul(r, r), r), broadcast(1.0f));
  const auto power = hn::Sub(hn::BitCast(ints, shifted), hn::BitCast(ints, broadcast(c::kRound)));
  const auto half = hn::ShiftRight<1>(power);
  const auto bias = hn::Set(ints, 127);
  const V first = hn::BitCast(kFloats, hn::ShiftLeft<23>(hn::Add(half, bias)));
  const V second = hn::BitCast(kFloats, hn::ShiftLeft<23>(hn::Add(hn::Sub(power, half), bias)));
  return hn::Mul(hn::Mul(p, first), second);
}

template <size_t kTerms>
HWY_INLINE V polynomial(const float (&coefficients)[kTerms], V x) {
  V sum = broadcast(coefficients[kTerms - 1]);
  for (size_t i = kTerms - 1; i > 0; --i) sum = fma(sum, x, broadcast(coefficients[i - 1]));
  return sum;
}

HWY_INLINE V tanh(V x) {
  namespace c = tanh_constants;
  const V magnitude = hn::Abs(x);
  const V square = hn::Mul(x, x);
  const V small = fma(polynomial(c::kSeries, square), hn::Mul(square, x), x);
  const V quotient = hn::Div(broadcast(2.0f), hn::Add(exp(hn::Add(magnitude, magnitude)), broadcast(1.0f)));
  const V large = hn::Sub(broadcast(1.0f), quotient);
  return hn::CopySign(hn::IfThenElse(hn::Lt(magnitude, broadcast(c::kSmall)), small, large), x);
}

HWY_INLINE V erf(V x) {
  namespace c = erf_constants;
  const V magnitude = hn::Abs(x);
  const V small = fma(polynomial(c::kSeries, hn::Mul(x, x)), x, x);
  const V bounded = hn::IfThenElse(hn::Gt(magnitude, broadcast(c::kHighest)), broadcast(c::kHighest), magnitude);
  const V large = hn::CopySign(hn::Sub(broadcast(1.0f), exp(polynomial(c::kLogErfc, bounded))), x);
  return hn::IfThenElse(hn::Lt(magnitude, broadcast(c::kSmall)), small, large);
}

}  // namespace yoke::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
