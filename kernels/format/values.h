// A packed matrix one row at a time, in plain loops: what the reference multiplies with, and what tests compare decoders with.
// Columns are those of the part.
#pragma once

#include "core/units.h"
#include "kernels/packed_matrix.h"

namespace yoke::kernels::format {

// The weight as f32 (core/weight_format.h). Each product is rounded once, in the order that docs/formats.md writes.
float weight(const PackedMatrix& w, int64_t row, int64_t col);
void weights(const PackedMatrix& w, int64_t row, Range cols, float* values);  // values[0] is that of cols.begin

// Of a part whose chunks are scaled (scales_chunks in panel.h): int8 for q8_0, nibble - 8 for q4_0, nibble for q4_1; and d and m
// of a chunk.
float code(const PackedMatrix& w, int64_t row, int64_t col);
float scale(const PackedMatrix& w, int64_t row, int64_t chunk);
float minimum(const PackedMatrix& w, int64_t row, int64_t chunk);  // q4_1 only

// What one block (a panel's unit of one lane, put together again) makes of its column k.
float block_value(Dtype codes, const std::byte* unit, size_t k);

}  // namespace yoke::kernels::format
