// What the products of mode `fp4` take: NVFP4 or MXFP4 weights times activations quantised like them, by block-scaled
// MMAs of sm_121a.
//
// quantise_nvfp4, quantise_mxfp4: a row of x in blocks of 16 or 32 columns, counted from the part's first. With |b| a
// block's greatest magnitude
//   NVFP4  g = greatest magnitude of the row / 2688 (448 * 6)
//          scale = e4m3((|b| / g) / 6), code = e2m1(x / (scale * g))
//   MXFP4  g = 1
//          scale = 2^(floor(log2 |b|) - 2) within 2^-127 .. 2^127, code = e2m1(x / scale)
// rounded to nearest even, too large ones to 6 (a NaN too); where g or the scale is 0 codes are 0.
//   y[r, n] = (sum over k of code[r, k] * scale * w[n, k]) * g[r] * global scale + bias[n]
// in parts of K as kernels/cuda/linear_params.h has them: in a part one chain of MMAs of 64 columns, upwards from +0.
//
// Quantised rows lie in records of 8 rows and a unit of 64 columns: for row r and word w (8 columns, lowest nibble
// first) of the unit the word 8 (r % 8) + 2 (w % 4) + w / 4; then for each row 4 bytes of scales, block j's at byte j.
// Records of a group of 8 rows lie one after another.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/linear_params.h"

namespace yoke::kernels::cuda {

inline constexpr uint32_t kFp4RecordBytes = 8 * (kLinearUnit / 2) + 8 * 4;

// Grid: rows, rounded up to 8 (rows from `rows` on become zeros); kLinearWarps warps.
struct QuantiseParams {
  const float* x;
  int64_t x_stride;
  uint32_t rows, cols, units;
  std::byte* records;
  float* row_scales;  // g; [rows rounded up to 8]
};

struct Fp4X {
  const std::byte* records;
  const float* row_scales;
};

// x and x_stride of the problems are not read.
struct LinearFp4Params {
  LinearParams linear;
  Fp4X x[kMostLinearProblems];
};

}  // namespace yoke::kernels::cuda
