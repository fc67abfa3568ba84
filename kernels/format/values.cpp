#include "kernels/format/values.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/error.h"
#include "core/fp8.h"
#include "core/half.h"
#include "kernels/format/arrange.h"
#include "kernels/format/packed_form.h"

namespace yoke::kernels::format {
namespace {

template <typename T>
T load(const std::byte* at, size_t index) {
  T value;
  std::memcpy(&value, at + index * sizeof(T), sizeof(T));
  return value;
}

// Element `index` of a float type.
float element(Dtype dtype, const std::byte* at, size_t index) {
  switch (dtype) {
    case Dtype::f32: return load<float>(at, index);
    case Dtype::f16: return f16_to_f32(load<uint16_t>(at, index));
    case Dtype::bf16: return bf16_to_f32(load<uint16_t>(at, index));
    case Dtype::f8_e4m3: return f8_e4m3_to_f32(load<uint8_t>(at, index));
    case Dtype::f8_e5m2: return f8_e5m2_to_f32(load<uint8_t>(at, index));
    case Dtype::f8_e8m0: return f8_e8m0_to_f32(load<uint8_t>(at, index));
    default: break;
  }
  assertion_failed("a float type", __FILE__, __LINE__);
}

// Column k of the stored codes in a plane of nibbles.
uint32_t nibble(const std::byte* words, size_t lane, size_t k) {
  return load<uint32_t>(words, k / 8 * kPanelLanes + lane) >> (k % 8 * 4) & 15u;
}

// One row of formats whose scales lie apart from the codes. Offsets are worked out once a row.
class ScaledRow {
 public:
  ScaledRow(const PackedMatrix& w, int64_t row)
      : w_(w), row_(row), lane_(static_cast<size_t>(row % kPanelRows)), panel_(panel_at(w, row / kPanelRows)),
        offsets_(panel_offsets(w.shape)), tail_(tail_offsets(w.shape)), exceptions_(w.data + tail_.links, w.data + tail_.exceptions), stored_(w.shape.col_begin - w.shape.stored_begin()),
        first_group_(w.shape.held_groups().begin), squares_(w.shape.square_cols()) {}

  float value(int64_t col) const { return times_scale(col, code(col)); }

 private:
  float code(int64_t col) const {
    const Dtype codes = w_.shape.format.codes;
    const size_t k = static_cast<size_t>(stored_ + col);
    if (codes == Dtype::int4) return static_cast<float>(nibble(panel_, lane_, k)) - zero_point(col);
    if (codes == Dtype::bf16 && w_.shape.format.packed) return bf16_to_f32(packed_bf16(w_, exceptions_, row_, k));
    if (codes == Dtype::e2m1) return e2m1_to_f32(static_cast<uint8_t>(nibble(panel_, lane_, k)));
    return element(codes, panel_, k * kPanelLanes + lane_);
  }

  // Of the held groups, the one that a column belongs to.
  size_t group_of(int64_t col) const {
    const WeightFormat& f = w_.shape.format;
    if (f.listed_groups) return static_cast<size_t>(load<int32_t>(w_.data + tail_.column_groups, static_cast<size_t>(col)));
    return static_cast<size_t>((w_.shape.col_begin + col) / f.group - first_group_);
  }

  float zero_point(int64_t col) const {
    const WeightFormat& f = w_.shape.format;
    if (!f.zero_points) return 8.0f;
    const std::byte both = panel_[offsets_.zeros + group_of(col) * kPanelLanes / 2 + lane_ / 2];
    return static_cast<float>((std::to_integer<int>(both) >> (lane_ % 2 * 4) & 15) + f.zero_bias);
  }

  float times_scale(int64_t col, float code) const {
    const PackedShape& s = w_.shape;
    switch (s.format.scales) {
      case Scales::none: return code;
      case Scales::per_row: return code * load<float>(w_.data + tail_.row_scales, static_cast<size_t>(row_));
      case Scales::per_block: {
        const int64_t row = (s.row_begin + row_) / s.format.group - s.row_begin / s.format.group;
        const int64_t square = row * squares_.size() + (s.col_begin + col) / s.format.group - squares_.begin;
        return code * load<float>(w_.data + tail_.block_scales, static_cast<size_t>(square));
      }
      case Scales::per_group:
        if (s.format.packed) return code * f8_e4m3_to_f32(packed_scale(w_, exceptions_, row_, group_of(col)));
        return code * element(s.format.scale_dtype, panel_ + offsets_.scales, group_of(col) * kPanelLanes + lane_);
    }
    assertion_failed("a kind of scales", __FILE__, __LINE__);
  }

  const PackedMatrix& w_;
  int64_t row_;
  size_t lane_;
  const std::byte* panel_;
  PanelOffsets offsets_;
  TailOffsets tail_;
  Exceptions exceptions_;
  int64_t stored_;  // columns held in front of the part's first
  int64_t first_group_;
  Range squares_;
};

float global_scale(const PackedMatrix& w) { return load<float>(w.data + tail_offsets(w.shape).global, 0); }

// One lane's unit, put together again from the panel.
void gather_unit(Dtype codes, const std::byte* panel_unit, size_t lane, std::byte* unit) {
  const UnitFields fields = unit_fields(codes);
  size_t offset = 0;
  const auto take = [&](size_t bytes, int count) {
    for (int i = 0; i < count; ++i, offset += bytes) std::memcpy(unit + offset, panel_unit + kPanelLanes * offset + bytes * lane, bytes);
  };
  take(2, fields.halves);
  take(1, fields.bytes);
  take(4, fields.words);
}

void block_values(const PackedMatrix& w, int64_t row, Range cols, float* values) {
  const Dtype codes = w.shape.format.codes;
  const int64_t unit = info(codes).block_elements;
  const size_t lane = static_cast<size_t>(row % kPanelRows);
  const std::byte* panel = panel_at(w, row / kPanelRows);
  const int64_t shift = w.shape.col_begin - w.shape.stored_begin();
  std::array<std::byte, kMostUnitBytes> arranged;
  for (int64_t k = cols.begin + shift; k < cols.end + shift;) {
    gather_unit(codes, panel + static_cast<size_t>(k / unit) * kPanelLanes * unit_bytes(codes), lane, arranged.data());
    const int64_t end = std::min(round_up(k + 1, unit), cols.end + shift);
    for (; k < end; ++k) *values++ = block_value(codes, arranged.data(), static_cast<size_t>(k % unit));
  }
}

}  // namespace

void weights(const PackedMatrix& w, int64_t row, Range cols, float* values) {
  if (cols.empty()) return;
  if (info(w.shape.format.codes).scale_elements > 0) {
    block_values(w, row, cols, values);
  } else {
    const ScaledRow from(w, row);
    for (int64_t k = cols.begin; k < cols.end; ++k) values[k - cols.begin] = from.value(k);
  }
  if (!w.shape.format.global) return;
  const float global = global_scale(w);
  for (int64_t i = 0; i < cols.size(); ++i) values[i] = values[i] * global;
}

float weight(const PackedMatrix& w, int64_t row, int64_t col) {
  float value;
  weights(w, row, {col, col + 1}, &value);
  return value;
}

float code(const PackedMatrix& w, int64_t row, int64_t col) {
  const Dtype codes = w.shape.format.codes;
  const std::byte* packed = chunk_at(w, row / kPanelRows, col / kChunk) + codes_offset(codes);
  const size_t lane = static_cast<size_t>(row % kPanelRows), k = static_cast<size_t>(col % kChunk);
  if (codes == Dtype::q8_0) return static_cast<float>(load<int8_t>(packed, k * kPanelLanes + lane));
  const int value = static_cast<int>(nibble(packed, lane, k));
  return static_cast<float>(codes == Dtype::q4_0 ? value - 8 : value);
}

float scale(const PackedMatrix& w, int64_t row, int64_t chunk) {
  return f16_to_f32(load<uint16_t>(chunk_at(w, row / kPanelRows, chunk), static_cast<size_t>(row % kPanelRows)));
}

float minimum(const PackedMatrix& w, int64_t row, int64_t chunk) {
  return f16_to_f32(load<uint16_t>(chunk_at(w, row / kPanelRows, chunk), static_cast<size_t>(kPanelRows + row % kPanelRows)));
}

}  // namespace yoke::kernels::format
