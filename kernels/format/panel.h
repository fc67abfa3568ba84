// Where the bytes of a packed matrix lie (kernels/packed_matrix.h states the layout), and one element at a time: slow, for
// the reference and for tests.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "kernels/packed_matrix.h"

namespace yoke::kernels::format {

// Where the codes of a (panel, chunk) begin: after 16 scales, or 16 scales and 16 minima.
constexpr size_t codes_offset(Dtype dtype) {
  if (dtype == Dtype::q4_1) return 4 * kPanelRows;
  return info(dtype).block_elements > 1 ? 2 * kPanelRows : 0;
}

constexpr size_t panel_bytes(Dtype dtype, int64_t cols) {
  return static_cast<size_t>(kPanelRows) * row_bytes(dtype, cols);
}

inline const std::byte* chunk_at(const PackedMatrix& w, int64_t panel, int64_t chunk) {
  return w.data + static_cast<size_t>(panel) * panel_bytes(w.dtype, w.cols) +
         static_cast<size_t>(chunk) * panel_bytes(w.dtype, kChunk);
}

// What a product multiplies x by: the value itself for plain types, int8 for q8_0, nibble - 8 for q4_0, nibble for q4_1.
float code(const PackedMatrix& w, int64_t row, int64_t col);
float scale(const PackedMatrix& w, int64_t row, int64_t chunk);    // d; block formats only
float minimum(const PackedMatrix& w, int64_t row, int64_t chunk);  // m; q4_1 only

// The weight as f32: d * code, for q4_1 fma(d, code, m).
float weight(const PackedMatrix& w, int64_t row, int64_t col);

}  // namespace yoke::kernels::format
