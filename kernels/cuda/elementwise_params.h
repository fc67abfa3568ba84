// What the kernels of elementwise.cu take: one element a thread. Fields are those of the ops of the same names (kernels/ops.h);
// addresses are the device's.
#pragma once

#include <cstdint>

namespace yoke::kernels::cuda {

inline constexpr uint32_t kElementwiseThreads = 256;
inline constexpr int kMostHalves = 4;  // of a list of halves that one launch takes: grid.z

struct SwiGluHalf {
  const float* gate;
  const float* up;
  int64_t width, stride;
  float* y;
};
// Both forms; grid (columns / threads, rows, halves).
struct SwiGluParams {
  SwiGluHalf halves[kMostHalves];
  int64_t rows;
  float alpha, limit;  // clamped_swiglu
};

// gelu, tanh_inplace, scale; grid (count / threads).
struct InPlaceParams {
  float* x;
  int64_t count;
  float factor;
};

// grid (count / threads)
struct ResidualAddParams {
  float* x;
  const float* h0;
  const float* h1;  // may be null
  int64_t count;
};

// gather_rows, scatter_add; grid (width / threads, rows | 1).
struct RowsParams {
  const float* x;
  int64_t width;
  const int32_t* index;  // from, or to
  const float* weights;
  int64_t rows;
  float* y;
};

// grid (heads * dims / 2 / threads, rows)
struct RotaryParams {
  float* x;
  int64_t x_stride;
  int64_t rows, heads, head_stride, dims;
  const float* cos;
  const float* sin;
  bool neighbours;
};

}  // namespace yoke::kernels::cuda
