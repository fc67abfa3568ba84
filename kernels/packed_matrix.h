// A weight in the form that kernels read: panels of 16 outputs, each weight in its own format.
//
// Panel p holds rows 16p .. 16p+15 of the part. A vector of lanes runs over the 16 outputs and no operation crosses lanes: AVX2,
// AVX-512, NEON and scalar agree in every bit. kernels/format/panel.h states where codes, scales and zero points of each format
// lie. Rows past the end are zero.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/units.h"
#include "core/weight_format.h"

namespace yoke::kernels {

// Columns whose products are summed by one chain of fma before the sum joins the total: of codes that a block's scale multiplies, and
// of values.
inline constexpr int64_t kChunk = 32;
inline constexpr int64_t kSpan = 8 * kChunk;

struct PackedMatrix {
  PackedShape shape;
  const std::byte* data = nullptr;  // 64-byte aligned

  int64_t rows() const { return shape.rows; }  // outputs, N
  int64_t cols() const { return shape.cols; }  // inputs, K
};

// The functions below fill the matrix at `matrix`, whose bytes are shape.bytes() and were zero before. Rows and columns are those
// of the whole weight, within the shape's. Any thread; pieces that share no panel may be put in place at once, and so may pieces
// of one panel whose columns share no unit of 64 columns, unless the form is packed. A packed form that cannot hold what it is given
// throws Error{unsupported}.

// Codes as they lie in a file: element (rows.begin, cols.begin) first. cols begin and end at column units (or at shape.stored_end()).
struct PackCodes {
  PackedShape shape;
  CodeLayout layout = CodeLayout::rows;
  const std::byte* source;
  uint64_t source_stride;    // bytes from one row of the file to the next that counts (rows: the next output's; columns, awq: the
                             // next column's; gptq: the next 8 columns')
  int64_t output_step = 1;   // columns: elements from one output to the next (2 where gate and up alternate)
  int source_skip = 0;       // awq: outputs of the first word before rows.begin
  Range rows;
  Range cols;
  std::byte* matrix;
};
void pack_codes(const PackCodes& job);

// Group scales: [out, groups] or, transposed, [groups, out], of shape.format.scale_dtype, the element of (rows.begin, groups.begin)
// first. Groups are those of the whole matrix.
struct PackScales {
  PackedShape shape;
  bool transposed = false;
  const std::byte* source;
  uint64_t source_stride;
  Range rows;
  Range groups;
  std::byte* matrix;
};
void pack_scales(const PackScales& job);

// Zero points, 4 bits each, 8 in an i32. along_outputs: [out / 8, groups] (compressed-tensors); else [groups, out / 8] in the order
// of `layout` (gptq or awq). `source_skip`: outputs of the first word before rows.begin.
struct PackZeros {
  PackedShape shape;
  bool along_outputs = false;
  CodeLayout layout = CodeLayout::gptq;
  const std::byte* source;
  uint64_t source_stride;
  int source_skip = 0;
  Range rows;
  Range groups;
  std::byte* matrix;
};
void pack_zeros(const PackZeros& job);

void put_row_scales(const PackedShape& shape, Range rows, const float* scales, std::byte* matrix);
// The squares that the part touches: row-major, (ceil(row_end / group) - row_begin / group) x (the same of columns).
void put_block_scales(const PackedShape& shape, const float* scales, std::byte* matrix);
// Of the part's columns, one group number each.
void put_column_groups(const PackedShape& shape, const int32_t* groups, std::byte* matrix);
void put_global_scale(const PackedShape& shape, float scale, std::byte* matrix);

}  // namespace yoke::kernels
