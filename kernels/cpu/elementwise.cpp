// Rotary embedding, residual and the like: one pass over memory each.
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/elementwise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/lanes-inl.h"
#include "kernels/reference/reference_ops.h"

HWY_BEFORE_NAMESPACE();
namespace yoke::kernels::cpu::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void run_rotary_embedding(const RotaryEmbedding& p) { reference::rotary_embedding(p); }
void run_scale(const Scale& p) { reference::scale(p); }
void run_scatter_add(const ScatterAdd& p) { reference::scatter_add(p); }
void run_residual_add(const ResidualAdd& p) { reference::residual_add(p); }
#else

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

void run_scale(const Scale& p) {
  int64_t i = 0;
  for (; i + static_cast<int64_t>(kLanes) <= p.count; i += kLanes) store(hn::Mul(load(p.x + i), broadcast(p.factor)), p.x + i);
  for (; i < p.count; ++i) p.x[i] = p.x[i] * p.factor;
}

void run_scatter_add(const ScatterAdd& p) {
  for (size_t r = 0; r < p.to.size(); ++r) {
    const float* x = p.x + static_cast<int64_t>(r) * p.width;
    float* y = p.y + p.to[r] * p.width;
    const float weight = p.weights[r];
    int64_t i = 0;
    for (; i + static_cast<int64_t>(kLanes) <= p.width; i += kLanes) store(fma(broadcast(weight), load(x + i), load(y + i)), y + i);
    for (; i < p.width; ++i) y[i] = std::fma(weight, x[i], y[i]);
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

#endif  // HWY_SCALAR

}  // namespace yoke::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace yoke::kernels::cpu {

HWY_EXPORT(run_rotary_embedding);
HWY_EXPORT(run_scale);
HWY_EXPORT(run_scatter_add);
HWY_EXPORT(run_residual_add);

void rotary_embedding(const RotaryEmbedding& p) { HWY_DYNAMIC_DISPATCH(run_rotary_embedding)(p); }
void scale(const Scale& p) { HWY_DYNAMIC_DISPATCH(run_scale)(p); }
void scatter_add(const ScatterAdd& p) { HWY_DYNAMIC_DISPATCH(run_scatter_add)(p); }
void residual_add(const ResidualAdd& p) { HWY_DYNAMIC_DISPATCH(run_residual_add)(p); }

}  // namespace yoke::kernels::cpu
#endif
