// The product with a matrix's transpose: a sum over outputs, so lanes run over columns and each panel is turned after decoding.
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/transposed.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "kernels/cpu/decode.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/lanes-inl.h"
#include "kernels/cpu/unroll.h"

HWY_BEFORE_NAMESPACE();
namespace yoke::kernels::cpu::HWY_NAMESPACE {

inline constexpr size_t kStrip = static_cast<size_t>(kStripColumns);

// One panel's columns, turned: turned[l][k] of output l. Columns past the last are 0.
void turn(const float* values, size_t columns, float (&turned)[kPanel][kStrip]) {
  for (size_t l = 0; l < kPanel; ++l) {
    for (size_t k = 0; k < columns; ++k) turned[l][k] = values[k * kPanel + l];
    std::fill_n(turned[l] + columns, kStrip - columns, 0.0f);
  }
}

// sums[k] += turned[l][k] * x[l] for the outputs in ascending order.
void add_outputs(const float (&turned)[kPanel][kStrip], const float* x, size_t outputs, float* sums) {
#if HWY_TARGET == HWY_SCALAR
  for (size_t l = 0; l < outputs; ++l) {
    for (size_t k = 0; k < kStrip; ++k) sums[k] = std::fma(turned[l][k], x[l], sums[k]);
  }
#else
  constexpr size_t kVectors = kStrip / kLanes;
  V acc[kVectors];
  for (size_t v = 0; v < kVectors; ++v) acc[v] = load(sums + v * kLanes);
  for (size_t l = 0; l < outputs; ++l) {
    const V xl = broadcast(x[l]);
    YOKE_UNROLL(16)
    for (size_t v = 0; v < kVectors; ++v) acc[v] = fma(load(turned[l] + v * kLanes), xl, acc[v]);
  }
  for (size_t v = 0; v < kVectors; ++v) store(acc[v], sums + v * kLanes);
#endif
}

void run_transposed(const TransposedLinear& p, Range strips, Workspace& workspace) {
  const PanelDecoder weights(p.w);
  alignas(64) float values[kStrip * kPanel];
  alignas(64) float turned[kPanel][kStrip];
  workspace.sums.resize(static_cast<size_t>(p.rows) * kStrip);
  for (int64_t strip = strips.begin; strip < strips.end; ++strip) {
    const int64_t first = strip * kStripColumns, columns = std::min(kStripColumns, p.w.cols() - first);
    std::fill(workspace.sums.begin(), workspace.sums.end(), 0.0f);
    for (int64_t n = 0; n < p.count; n += kPanelRows) {
      weights.decode((p.first + n) / kPanelRows, first, columns, values);
      turn(values, static_cast<size_t>(columns), turned);
      const size_t outputs = static_cast<size_t>(std::min(kPanelRows, p.count - n));
      for (int64_t r = 0; r < p.rows; ++r) {
        add_outputs(turned, p.x + r * p.x_stride + n, outputs, workspace.sums.data() + static_cast<size_t>(r) * kStrip);
      }
    }
    for (int64_t r = 0; r < p.rows; ++r) {
      std::copy_n(workspace.sums.data() + static_cast<size_t>(r) * kStrip, columns, p.y + r * p.y_stride + first);
    }
  }
}

}  // namespace yoke::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace yoke::kernels::cpu {

HWY_EXPORT(run_transposed);

void transposed_linear(const TransposedLinear& p, Range strips, Workspace& workspace) {
  HWY_DYNAMIC_DISPATCH(run_transposed)(p, strips, workspace);
}

}  // namespace yoke::kernels::cpu
#endif
