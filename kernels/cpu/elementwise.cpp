// Norm, rotary embedding, gated activation and residual: one pass over memory each.
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/elementwise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>
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
void run_rms_norm(const RmsNorm& p) { reference::rms_norm(p); }
void run_rotary_embedding(const RotaryEmbedding& p) { reference::rotary_embedding(p); }
void run_swiglu(const SwiGlu& p) { reference::swiglu(p); }
void run_residual_add(const ResidualAdd& p) { reference::residual_add(p); }
void run_exp(std::span<const float> x, float shift, std::span<float> y) {
  for (size_t i = 0; i < x.size(); ++i) y[i] = exp_f32(x[i] - shift);
}
#else

// Element i joins virtual lane i % 16; the lanes are summed as a tree.
float sum_of_squares(const float* x, int64_t width) {
  V acc[kPanelVectors];
  for (V& a : acc) a = zero();
  int64_t i = 0;
  for (; i + kPanelRows <= width; i += kPanelRows) {
    for (size_t v = 0; v < kPanelVectors; ++v) {
      const V xv = load(x + static_cast<size_t>(i) + v * kLanes);
      acc[v] = fma(xv, xv, acc[v]);
    }
  }
  float lanes[kPanel];
  for (size_t v = 0; v < kPanelVectors; ++v) store(acc[v], lanes + v * kLanes);
  for (; i < width; ++i) lanes[i % kPanelRows] = std::fma(x[i], x[i], lanes[i % kPanelRows]);
  for (size_t stride = kPanel / 2; stride > 0; stride /= 2) {
    for (size_t lane = 0; lane < stride; ++lane) lanes[lane] = lanes[lane] + lanes[lane + stride];
  }
  return lanes[0];
}

void run_rms_norm(const RmsNorm& p) {
  for (int64_t r = 0; r < p.rows; ++r) {
    const float* x = p.x + r * p.x_stride;
    float* y = p.y + r * p.y_stride;
    const float mean = sum_of_squares(x, p.width) / static_cast<float>(p.width);
    const float inverse = 1.0f / std::sqrt(mean + p.epsilon);
    int64_t i = 0;
    for (; i + static_cast<int64_t>(kLanes) <= p.width; i += kLanes) {
      store(hn::Mul(hn::Mul(load(x + i), broadcast(inverse)), load(p.w + i)), y + i);
    }
    for (; i < p.width; ++i) y[i] = x[i] * inverse * p.w[i];
  }
}

struct Pair {
  V a, b;
};

HWY_INLINE Pair rotated(V a, V b, V cos, V sin) {
  return {fma(a, cos, hn::Neg(hn::Mul(b, sin))), fma(b, cos, hn::Mul(a, sin))};
}

// One head; pairs that fill no vector are rotated one by one.
void rotate_head(float* x, const float* cos, const float* sin, int64_t half, bool neighbours) {
  int64_t i = 0;
  for (; i + static_cast<int64_t>(kLanes) <= half; i += kLanes) {
    V a, b;
    if (neighbours) {
      hn::LoadInterleaved2(kFloats, x + 2 * i, a, b);
    } else {
      a = load(x + i);
      b = load(x + i + half);
    }
    const Pair pair = rotated(a, b, load(cos + i), load(sin + i));
    if (neighbours) {
      hn::StoreInterleaved2(pair.a, pair.b, kFloats, x + 2 * i);
    } else {
      store(pair.a, x + i);
      store(pair.b, x + i + half);
    }
  }
  for (; i < half; ++i) {
    float& a = neighbours ? x[2 * i] : x[i];
    float& b = neighbours ? x[2 * i + 1] : x[i + half];
    const float first = std::fma(a, cos[i], -(b * sin[i]));
    b = std::fma(b, cos[i], a * sin[i]);
    a = first;
  }
}

void run_rotary_embedding(const RotaryEmbedding& p) {
  const int64_t half = p.dims / 2;
  for (int64_t r = 0; r < p.rows; ++r) {
    for (int64_t h = 0; h < p.heads; ++h) {
      rotate_head(p.x + r * p.x_stride + h * p.head_stride, p.cos + r * half, p.sin + r * half, half, p.neighbours);
    }
  }
}

void run_swiglu(const SwiGlu& p) {
  for (int64_t r = 0; r < p.rows; ++r) {
    int64_t i = r * p.stride;
    const int64_t end = i + p.width;
    for (; i + static_cast<int64_t>(kLanes) <= end; i += kLanes) {
      const V gate = load(p.gate + i);
      const V denominator = hn::Add(broadcast(1.0f), exp(hn::Neg(gate)));
      store(hn::Mul(hn::Div(gate, denominator), load(p.up + i)), p.y + i);
    }
    for (; i < end; ++i) p.y[i] = p.gate[i] / (1.0f + exp_f32(-p.gate[i])) * p.up[i];
  }
}

void run_residual_add(const ResidualAdd& p) {
  int64_t i = 0;
  for (; i + static_cast<int64_t>(kLanes) <= p.count; i += kLanes) {
    const V sum = p.h1 != nullptr ? hn::Add(load(p.h0 + i), load(p.h1 + i)) : load(p.h0 + i);
    store(hn::Add(load(p.x + i), sum), p.x + i);
  }
  for (; i < p.count; ++i) p.x[i] = p.x[i] + (p.h1 != nullptr ? p.h0[i] + p.h1[i] : p.h0[i]);
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

HWY_EXPORT(run_rms_norm);
HWY_EXPORT(run_rotary_embedding);
HWY_EXPORT(run_swiglu);
HWY_EXPORT(run_residual_add);
HWY_EXPORT(run_exp);

void rms_norm(const RmsNorm& p) { HWY_DYNAMIC_DISPATCH(run_rms_norm)(p); }
void rotary_embedding(const RotaryEmbedding& p) { HWY_DYNAMIC_DISPATCH(run_rotary_embedding)(p); }
void swiglu(const SwiGlu& p) { HWY_DYNAMIC_DISPATCH(run_swiglu)(p); }
void residual_add(const ResidualAdd& p) { HWY_DYNAMIC_DISPATCH(run_residual_add)(p); }

}  // namespace yoke::kernels::cpu

namespace yoke::kernels {

void exp_f32(std::span<const float> x, float shift, std::span<float> y) {
  YOKE_ASSERT(x.size() == y.size());
  using namespace cpu;
  HWY_DYNAMIC_DISPATCH(run_exp)(x, shift, y);
}

}  // namespace yoke::kernels
#endif
