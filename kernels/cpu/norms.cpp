// Norms: sums in 16 virtual lanes and a tree (kernels/ops.h), then one pass that scales.
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/norms.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/lanes-inl.h"
#include "kernels/reference/reference_ops.h"

HWY_BEFORE_NAMESPACE();
namespace yoke::kernels::cpu::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void run_rms_norm(const RmsNorm& p) { reference::rms_norm(p); }
void run_layer_norm(const LayerNorm& p) { reference::layer_norm(p); }
void run_sum_of_squares(const SumOfSquares& p) { reference::sum_of_squares(p); }
void run_rms_scale(const RmsScale& p) { reference::rms_scale(p); }
#else

// Element i joins virtual lane i % 16 by `join`, which takes vectors and, at the end of the row, floats; the lanes are summed as
// a tree.
template <typename Join>
HWY_INLINE float sum_over_lanes(const float* x, int64_t width, const Join& join) {
  V acc[kPanelVectors];
  for (V& a : acc) a = zero();
  int64_t i = 0;
  for (; i + kPanelRows <= width; i += kPanelRows) {
    for (size_t v = 0; v < kPanelVectors; ++v) acc[v] = join(acc[v], load(x + static_cast<size_t>(i) + v * kLanes));
  }
  float lanes[kPanel];
  for (size_t v = 0; v < kPanelVectors; ++v) store(acc[v], lanes + v * kLanes);
  for (; i < width; ++i) lanes[i % kPanelRows] = join(lanes[i % kPanelRows], x[i]);
  for (size_t stride = kPanel / 2; stride > 0; stride /= 2) {
    for (size_t lane = 0; lane < stride; ++lane) lanes[lane] = lanes[lane] + lanes[lane + stride];
  }
  return lanes[0];
}

struct JoinValue {
  HWY_INLINE V operator()(V lane, V x) const { return hn::Add(lane, x); }
  HWY_INLINE float operator()(float lane, float x) const { return lane + x; }
};

struct JoinSquare {
  HWY_INLINE V operator()(V lane, V x) const { return fma(x, x, lane); }
  HWY_INLINE float operator()(float lane, float x) const { return std::fma(x, x, lane); }
};

struct JoinSquareOfDifference {
  float mean;
  HWY_INLINE V operator()(V lane, V x) const { return JoinSquare()(lane, hn::Sub(x, broadcast(mean))); }
  HWY_INLINE float operator()(float lane, float x) const { return JoinSquare()(lane, x - mean); }
};

float inverse_deviation(float squares, int64_t width, float epsilon) {
  return 1.0f / std::sqrt(squares / static_cast<float>(width) + epsilon);
}

// y = (x - mean) * inverse * w + bias; without mean and bias where they are null.
struct Normalise {
  const float* x;
  int64_t width;
  const float* mean;
  float inverse;
  const float* w;
  const float* bias;
  float* y;
};

void normalise(const Normalise& p) {
  int64_t i = 0;
  for (; i + static_cast<int64_t>(kLanes) <= p.width; i += kLanes) {
    const V x = p.mean != nullptr ? hn::Sub(load(p.x + i), broadcast(*p.mean)) : load(p.x + i);
    const V y = hn::Mul(hn::Mul(x, broadcast(p.inverse)), load(p.w + i));
    store(p.bias != nullptr ? hn::Add(y, load(p.bias + i)) : y, p.y + i);
  }
  for (; i < p.width; ++i) {
    const float x = p.mean != nullptr ? p.x[i] - *p.mean : p.x[i];
    const float y = x * p.inverse * p.w[i];
    p.y[i] = p.bias != nullptr ? y + p.bias[i] : y;
  }
}

void run_rms_norm(const RmsNorm& p) {
  for (int64_t r = 0; r < p.rows; ++r) {
    const float* x = p.x + r * p.x_stride;
    const float inverse = inverse_deviation(sum_over_lanes(x, p.width, JoinSquare()), p.width, p.epsilon);
    normalise({x, p.width, nullptr, inverse, p.w, nullptr, p.y + r * p.y_stride});
  }
}

void run_layer_norm(const LayerNorm& p) {
  for (int64_t r = 0; r < p.rows; ++r) {
    const float* x = p.x + r * p.x_stride;
    const int64_t w = r % p.w_rows * p.width;
    const float mean = sum_over_lanes(x, p.width, JoinValue()) / static_cast<float>(p.width);
    const float inverse = inverse_deviation(sum_over_lanes(x, p.width, JoinSquareOfDifference{mean}), p.width, p.epsilon);
    normalise({x, p.width, &mean, inverse, p.w + w, p.bias != nullptr ? p.bias + w : nullptr, p.y + r * p.y_stride});
  }
}

void run_sum_of_squares(const SumOfSquares& p) {
  for (int64_t r = 0; r < p.rows; ++r) p.sums[r] = sum_over_lanes(p.x + r * p.x_stride, p.width, JoinSquare());
}

void run_rms_scale(const RmsScale& p) {
  for (int64_t r = 0; r < p.rows; ++r) {
    float* x = p.x + r * p.x_stride;
    normalise({x, p.width, nullptr, inverse_deviation(p.sums[r], p.whole_width, p.epsilon), p.w, nullptr, x});
  }
}

#endif  // HWY_SCALAR

}  // namespace yoke::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace yoke::kernels::cpu {

HWY_EXPORT(run_rms_norm);
HWY_EXPORT(run_layer_norm);
HWY_EXPORT(run_sum_of_squares);
HWY_EXPORT(run_rms_scale);

void rms_norm(const RmsNorm& p) { HWY_DYNAMIC_DISPATCH(run_rms_norm)(p); }
void layer_norm(const LayerNorm& p) { HWY_DYNAMIC_DISPATCH(run_layer_norm)(p); }
void sum_of_squares(const SumOfSquares& p) { HWY_DYNAMIC_DISPATCH(run_sum_of_squares)(p); }
void rms_scale(const RmsScale& p) { HWY_DYNAMIC_DISPATCH(run_rms_scale)(p); }

}  // namespace yoke::kernels::cpu
#endif
