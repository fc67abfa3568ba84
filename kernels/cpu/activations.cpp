// Activations, gated and plain, and exp of many: the end of a row that fills no vector goes one by one.
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/activations.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <span>

#include "core/error.h"
#include "kernels/cpu/elementary-inl.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/lanes-inl.h"
#include "kernels/elementary.h"
#include "kernels/reference/reference_ops.h"

HWY_BEFORE_NAMESPACE();
namespace yoke::kernels::cpu::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void run_swiglu(const SwiGlu& p) { reference::swiglu(p); }
void run_clamped_swiglu(const ClampedSwiGlu& p) { reference::clamped_swiglu(p); }
void run_gelu(const Gelu& p) { reference::gelu(p); }
void run_tanh(const Tanh& p) { reference::tanh(p); }
void run_exp(std::span<const float> x, float shift, std::span<float> y) {
  for (size_t i = 0; i < x.size(); ++i) y[i] = exp_f32(x[i] - shift);
}
#else

HWY_INLINE V silu(V x, V scaled) { return hn::Div(x, hn::Add(broadcast(1.0f), exp(hn::Neg(scaled)))); }

void run_swiglu(const SwiGlu& p) {
  for (int64_t r = 0; r < p.rows; ++r) {
    int64_t i = r * p.stride;
    const int64_t end = i + p.width;
    for (; i + static_cast<int64_t>(kLanes) <= end; i += kLanes) {
      const V gate = load(p.gate + i);
      store(hn::Mul(silu(gate, gate), load(p.up + i)), p.y + i);
    }
    reference::swiglu({p.gate + i, p.up + i, 1, end - i, p.stride, p.y + i});
  }
}

// Comparisons, not Min and Max: a NaN passes them.
void run_clamped_swiglu(const ClampedSwiGlu& p) {
  const V high = broadcast(p.limit), low = broadcast(-p.limit);
  for (int64_t r = 0; r < p.rows; ++r) {
    int64_t i = r * p.stride;
    const int64_t end = i + p.width;
    for (; i + static_cast<int64_t>(kLanes) <= end; i += kLanes) {
      const V wide_gate = load(p.gate + i), wide_up = load(p.up + i);
      const V gate = hn::IfThenElse(hn::Gt(wide_gate, high), high, wide_gate);
      const V raised = hn::IfThenElse(hn::Lt(wide_up, low), low, wide_up);
      const V up = hn::IfThenElse(hn::Gt(raised, high), high, raised);
      store(hn::Mul(silu(gate, hn::Mul(broadcast(p.alpha), gate)), hn::Add(up, broadcast(1.0f))), p.y + i);
    }
    reference::clamped_swiglu({p.gate + i, p.up + i, 1, end - i, p.stride, p.alpha, p.limit, p.y + i});
  }
}

void run_gelu(const Gelu& p) {
  int64_t i = 0;
  for (; i + static_cast<int64_t>(kLanes) <= p.count; i += kLanes) {
    const V x = load(p.x + i);
    const V whole = hn::Add(broadcast(1.0f), erf(hn::Div(x, broadcast(kSqrt2))));
    store(hn::Mul(hn::Mul(broadcast(0.5f), x), whole), p.x + i);
  }
  reference::gelu({p.x + i, p.count - i});
}

void run_tanh(const Tanh& p) {
  int64_t i = 0;
  for (; i + static_cast<int64_t>(kLanes) <= p.count; i += kLanes) store(tanh(load(p.x + i)), p.x + i);
  reference::tanh({p.x + i, p.count - i});
}

void run_exp(std::span<const float> x, float shift, std::span<float> y) {
  size_t i = 0;
  for (; i + kLanes <= x.size(); i += kLanes) store(exp(hn::Sub(load(x.data() + i), broadcast(shift))), y.data() + i);
  for (; i < x.size(); ++i) y[i] = exp_f32(x[i] - shift);
}

#endif  // HWY_SCALAR

}  // namespace yoke::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace yoke::kernels::cpu {

HWY_EXPORT(run_swiglu);
HWY_EXPORT(run_clamped_swiglu);
HWY_EXPORT(run_gelu);
HWY_EXPORT(run_tanh);
HWY_EXPORT(run_exp);

void swiglu(const SwiGlu& p) { HWY_DYNAMIC_DISPATCH(run_swiglu)(p); }
void clamped_swiglu(const ClampedSwiGlu& p) { HWY_DYNAMIC_DISPATCH(run_clamped_swiglu)(p); }
void gelu(const Gelu& p) { HWY_DYNAMIC_DISPATCH(run_gelu)(p); }
void tanh(const Tanh& p) { HWY_DYNAMIC_DISPATCH(run_tanh)(p); }

}  // namespace yoke::kernels::cpu

namespace yoke::kernels {

void exp_f32(std::span<const float> x, float shift, std::span<float> y) {
  YOKE_ASSERT(x.size() == y.size());
  using namespace cpu;
  HWY_DYNAMIC_DISPATCH(run_exp)(x, shift, y);
}

}  // namespace yoke::kernels
#endif
