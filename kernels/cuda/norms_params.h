// What the kernels of norms.cu take. Shapes as kernels/ops.h states them; addresses are the device's.
#pragma once

#include <cstdint>

namespace yoke::kernels::cuda {

inline constexpr uint32_t kNormThreads = 256;  // at most; a multiple of 32

// rms_norm, layer_norm, sum_of_squares; grid (rows).
struct NormParams {
  const float* x;
  int64_t x_stride;
  int32_t width;
  int64_t w_rows;     // row r takes weight row r % w_rows
  const float* w;
  const float* bias;  // layer_norm: may be null
  float epsilon;
  float* y;           // sum_of_squares: one float a row
  int64_t y_stride;
  // join_*_norm: x = x + (h0 + h1) first, written back; h1 may be null. Dense as x.
  float* joined;      // = x
  const float* h0;
  const float* h1;
};

// rms_scale, in place; grid (width / threads, rows).
struct RmsScaleParams {
  float* x;
  int64_t x_stride;
  int64_t rows;
  int32_t width;
  int64_t whole_width;
  const float* sums;
  const float* w;
  float epsilon;
};

}  // namespace yoke::kernels::cuda
