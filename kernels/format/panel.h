// Where the bytes of a packed matrix lie. A panel is 16 outputs, its lanes:
//   codes          unit after unit of column_unit(format) columns, from shape.stored_begin()
//   group scales   for each held group 16 x scale_dtype
//   zero points    for each held group 8 bytes: lane l in nibble l % 2 of byte l / 2, the even one low
// All panels have one size. After the last: row scales (16 a panel), block scales, column groups, the global scale; of packed
// forms tables, links and exceptions (kernels/format/packed_form.h says where their codes and scales lie).
//
// A unit of one row is put in order first: two-byte fields, then single bytes, then words of four bytes. An element of s bytes at
// offset o of it lies at 16 o + s l of the panel's unit in lane l, so that a vector of lanes loads one field of 16 outputs.
//
//   F32, F16, BF16, FP8    the element                          e2m1, int4   one word of nibbles
//   Q8_0     d, 32 int8                                         Q4_0, IQ4_NL d, nibbles
//   Q4_1     d, m, nibbles                                      Q5_0         d, bits, nibbles
//   Q5_1     d, m, bits, nibbles                                MXFP4        e8m0 byte, nibbles
//   NVFP4    4 scale bytes, nibbles                             Q2_K         d, dmin, 16 bytes of (scale, min), pairs
//   Q3_K     d, 12 bytes of scales, bits, pairs                 Q4_K         d, dmin, 12 bytes of scales and mins, nibbles
//   Q5_K     as Q4_K with bits before the nibbles               Q6_K         d, 16 int8 scales, pairs, nibbles
//   IQ4_XS   d, scales_h, 4 bytes of scales_l, nibbles
//
// Planes: a word of nibbles holds 8 columns, of pairs 16, of bits 32; column c in its word's c-th field from the lowest bit.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/packed_matrix.h"

namespace yoke::kernels::format {

inline constexpr size_t kPanelLanes = static_cast<size_t>(kPanelRows);

// How many elements of each size a unit has, in this order.
struct UnitFields {
  int halves, bytes, words;
};
UnitFields unit_fields(Dtype codes);

// Bytes of one row's unit.
constexpr size_t unit_bytes(Dtype codes) {
  const bool nibbles = codes == Dtype::e2m1 || codes == Dtype::int4;
  return nibbles ? 4 : static_cast<size_t>(info(codes).block_bytes);
}

// q8_0, q4_0 and q4_1 from a block's edge on: the product takes bare codes and scales chunks (kernels/ops.h).
inline bool scales_chunks(const PackedShape& shape) {
  const Dtype codes = shape.format.codes;
  const bool simple = codes == Dtype::q8_0 || codes == Dtype::q4_0 || codes == Dtype::q4_1;
  return simple && shape.col_begin % kChunk == 0 && !shape.format.global;
}

// A part whose codes are multiplied as they lie; the others are decoded to values first.
inline bool multiplies_codes(const PackedShape& shape) {
  const WeightFormat& f = shape.format;
  return scales_chunks(shape) || (is_float(f.codes) && f.scales == Scales::none && !f.global && !f.packed);
}

// Where the codes of a (panel, chunk) of such a part begin: after 16 scales, or 16 scales and 16 minima.
constexpr size_t codes_offset(Dtype dtype) {
  if (dtype == Dtype::q4_1) return 4 * kPanelLanes;
  return info(dtype).block_elements > 1 ? 2 * kPanelLanes : 0;
}

constexpr size_t chunk_bytes(Dtype dtype) { return kPanelLanes * static_cast<size_t>(row_bytes(dtype, kChunk)); }

inline const std::byte* panel_at(const PackedMatrix& w, int64_t panel) {
  return w.data + static_cast<size_t>(panel) * static_cast<size_t>(w.shape.panel_bytes());
}

// Of a part whose chunks lie one after another: plain floats, and those that scales_chunks.
inline const std::byte* chunk_at(const PackedMatrix& w, int64_t panel, int64_t chunk) {
  return panel_at(w, panel) + static_cast<size_t>(chunk) * chunk_bytes(w.shape.format.codes);
}

// Offsets from the panel's begin, and from the matrix's.
struct PanelOffsets {
  size_t scales, zeros, size;
};
PanelOffsets panel_offsets(const PackedShape& shape);

struct TailOffsets {
  size_t row_scales, block_scales, column_groups, global;
  size_t tables, links, exceptions;  // of packed forms
};
TailOffsets tail_offsets(const PackedShape& shape);

}  // namespace yoke::kernels::format
