// What the kernels of norms.cu take. Shapes as kernels/ops.h states them; addresses are the device's.
#pragma once

#include <cstdint>

namespace yoke::kernels::cuda {

// sum_of_squares and rms_scale use the fields that their ops have.
struct NormParams {
  const float* x;
  int64_t x_stride;
  int64_t rows, width;
  const float* w;
  const float* bias;  // layer_norm: may be null
  int64_t w_rows;
  int64_t whole_width;  // rms_scale: of the row that several parts share
  const float* sums_in;
  float epsilon;
  float* y;
  int64_t y_stride;
  float* sums_out;
};

// x = x + (h0 + h1) where h0 is given (h1 null: x + h0), written back; then y = the norm of x where w is given.
struct JoinNormParams {
  float* x;
  int64_t x_stride;
  const float* h0;
  const float* h1;
  int64_t h_stride;
  NormParams norm;  // of x; its x and x_stride are not read
  bool centred;     // LayerNorm, else RmsNorm
};

}  // namespace yoke::kernels::cuda
