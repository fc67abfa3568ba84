// A product with a weight on dense buffers.
#pragma once

#include "kernels/ops.h"

namespace yoke::node::forward {

// y [rows, w.rows()] = x [rows, w.cols()] w^T (+ bias)
inline kernels::Linear linear(const kernels::PackedMatrix& w, const float* x, int64_t rows, float* y, const float* bias) {
  return {.w = w, .x = x, .x_stride = w.cols(), .rows = rows, .y = y, .y_stride = w.rows(), .bias = bias};
}

inline void linear(kernels::Ops& ops, const kernels::PackedMatrix& w, const float* x, int64_t rows, float* y, const float* bias) {
  ops.run(linear(w, x, rows, y, bias));
}

}  // namespace yoke::node::forward
