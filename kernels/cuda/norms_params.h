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
};

// Where the other rank's half is met (kernels/ops.h: Meeting); sent null: nowhere.
struct MeetingData {
  const uint64_t* base;
  uint64_t index;
  uint64_t* sent;
  const uint64_t* arrived;
};

// x = x + (h0 + h1), written back, h1 may be null; join_rms_norm and join_layer_norm then norm it. h0, h1 lie as x; grid (rows).
struct JoinNormParams {
  NormParams norm;  // its x = joined
  float* joined;
  const float* h0;
  const float* h1;
  MeetingData meeting;
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
