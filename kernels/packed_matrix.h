// A weight in the form that kernels read: panels of 16 outputs, K in chunks of 32, each weight in its own format.
//
// Panel p holds rows 16p .. 16p+15; within it chunk c holds columns 32c .. 32c+31 (the last chunk may be shorter for plain
// types). Inside a (panel, chunk):
//   f32, f16, bf16   for each k: 16 elements, one an output
//   q8_0             16 x f16 d, then for each k: 16 x int8
//   q4_0             16 x f16 d, then 4 words of 8 k each: 16 x uint32, nibble j of a word is column 8 * word + j
//   q4_1             16 x f16 d, 16 x f16 m, then as q4_0
// So a vector of lanes runs over outputs, and no operation crosses lanes: AVX2, AVX-512, NEON and scalar agree in every bit.
// Bytes: packed_matrix_bytes (core/dtype.h). Rows past the end are zero.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace yoke::kernels {

inline constexpr int64_t kChunk = 32;  // columns whose products are summed by fma before the sum joins the total

struct PackedMatrix {
  Dtype dtype = Dtype::f32;
  int64_t rows = 0;  // outputs, N
  int64_t cols = 0;  // inputs, K
  const std::byte* data = nullptr;  // 64-byte aligned
};

// Packs `count` rows in the file's own layout (`source_stride` bytes from row to row) as rows first_row .. of the matrix at
// `panels`, whose shape is rows x cols. first_row is a multiple of 16; count too, unless it reaches the last row. Any thread;
// different panels may be packed at once.
struct PackRows {
  Dtype dtype;
  int64_t rows, cols;
  const std::byte* source;
  uint64_t source_stride;
  int64_t first_row, count;
  std::byte* panels;
};
void pack_rows(const PackRows& job);

}  // namespace yoke::kernels
