// A file's codes into panels: a transposition that changes no value.
#include <algorithm>
#include <array>
#include <cstring>

#include "core/error.h"
#include "kernels/format/arrange.h"
#include "kernels/format/packed_form.h"
#include "kernels/format/panel.h"
#include "kernels/format/transpose.h"

namespace yoke::kernels {
namespace {

using format::kPanelLanes;

// The part of a job that lies in one panel.
struct Lanes {
  std::byte* codes;  // of the panel, where the job's columns begin
  size_t first, count;
  size_t row;        // the job's row that the first lane holds
};

struct Units {
  size_t bytes, count;
};

Units units_of(const PackCodes& job) {
  const int64_t columns = column_unit(job.shape.format);
  return {format::unit_bytes(job.shape.format.codes), static_cast<size_t>(job.cols.size() / columns)};
}

template <class Body>
void for_panels(const PackCodes& job, const Body& body) {
  const size_t panel_bytes = static_cast<size_t>(job.shape.panel_bytes());
  const size_t offset = kPanelLanes * static_cast<size_t>(row_bytes(job.shape.format.codes, job.cols.begin - job.shape.stored_begin()));
  const size_t rows = static_cast<size_t>(job.rows.size());
  const size_t first = static_cast<size_t>(job.rows.begin - job.shape.row_begin);
  for (size_t row = 0; row < rows;) {
    const size_t lane = (first + row) % kPanelLanes;
    const size_t count = std::min(kPanelLanes - lane, rows - row);
    body(Lanes{job.matrix + (first + row) / kPanelLanes * panel_bytes + offset, lane, count, row});
    row += count;
  }
}

// Plain types, and hub nibbles: a word of 8 columns is 4 bytes of the file as they are.
void pack_elements(const PackCodes& job) {
  const Units units = units_of(job);
  for_panels(job, [&](const Lanes& to) {
    const std::byte* source = job.source + to.row * job.source_stride;
    format::to_lanes(units.bytes, source, job.source_stride, units.count, to.first, to.count, to.codes);
  });
}

void pack_blocks(const PackCodes& job) {
  constexpr size_t kStride = 256;
  static_assert(kStride >= format::kMostUnitBytes);
  const Dtype codes = job.shape.format.codes;
  const format::UnitFields fields = format::unit_fields(codes);
  const Units units = units_of(job);
  std::array<std::byte, kPanelLanes * kStride> arranged;
  for_panels(job, [&](const Lanes& to) {
    for (size_t u = 0; u < units.count; ++u) {
      for (size_t l = 0; l < to.count; ++l) {
        format::arrange(codes, job.source + (to.row + l) * job.source_stride + u * units.bytes, arranged.data() + l * kStride);
      }
      std::byte* unit = to.codes + u * kPanelLanes * units.bytes;
      size_t offset = 0;
      const auto put = [&](size_t bytes, int count) {
        const size_t elements = static_cast<size_t>(count);
        format::to_lanes(bytes, arranged.data() + offset, kStride, elements, to.first, to.count, unit + kPanelLanes * offset);
        offset += bytes * elements;
      };
      put(2, fields.halves);
      put(1, fields.bytes);
      put(4, fields.words);
    }
  });
}

// Outputs side by side: lanes already are. `step` elements from one output to the next.
template <typename T>
void pack_outputs(const PackCodes& job, size_t step) {
  constexpr size_t kUnitsAtOnce = 256;  // of which the cache keeps the lines until the neighbouring panels have read theirs
  const size_t units = units_of(job).count;
  const auto put = [&](const Lanes& to, size_t u) {
    const std::byte* source = job.source + u * job.source_stride + to.row * step * sizeof(T);
    std::byte* lanes = to.codes + (u * kPanelLanes + to.first) * sizeof(T);
    if (step == 1) {
      std::memcpy(lanes, source, to.count * sizeof(T));
      return;
    }
    for (size_t l = 0; l < to.count; ++l) std::memcpy(lanes + l * sizeof(T), source + l * step * sizeof(T), sizeof(T));
  };
  for (size_t begin = 0; begin < units; begin += kUnitsAtOnce) {
    for_panels(job, [&](const Lanes& to) {
      for (size_t u = begin; u < std::min(begin + kUnitsAtOnce, units); ++u) put(to, u);
    });
  }
}

void pack_columns(const PackCodes& job) {
  const size_t step = static_cast<size_t>(job.output_step);
  switch (info(job.shape.format.codes).block_bytes) {
    case 1: return pack_outputs<uint8_t>(job, step);
    case 2: return pack_outputs<uint16_t>(job, step);
    default: return pack_outputs<uint32_t>(job, step);
  }
}

// Nibble j of word k becomes nibble k of word j: halves, quarters and eighths change places.
void transpose_nibbles(std::array<uint32_t, 8>& words) {
  const auto exchange = [&](size_t distance, int shift, uint32_t mask) {
    for (size_t i = 0; i < 8; ++i) {
      if ((i & distance) != 0) continue;
      uint32_t& a = words[i];
      uint32_t& b = words[i + distance];
      const uint32_t moved = ((a >> shift) ^ b) & mask;
      b ^= moved;
      a ^= moved << shift;
    }
  };
  exchange(4, 16, 0x0000FFFFu);
  exchange(2, 8, 0x00FF00FFu);
  exchange(1, 4, 0x0F0F0F0Fu);
}

// The output of a word's eight that its nibble j holds.
constexpr std::array<size_t, 8> kAwqOrder = {0, 2, 4, 6, 1, 3, 5, 7};

// Words of eight outputs; one of eight columns is made of eight rows of the file.
void pack_awq(const PackCodes& job) {
  constexpr size_t kUnitsAtOnce = 8;  // 64 rows of the file, whose lines the cache keeps for the panels beside
  const size_t panel_bytes = static_cast<size_t>(job.shape.panel_bytes());
  const size_t units = units_of(job).count;
  const size_t skip = static_cast<size_t>(job.source_skip), outputs = static_cast<size_t>(job.rows.size());
  const size_t first = static_cast<size_t>(job.rows.begin - job.shape.row_begin);
  std::byte* codes = job.matrix + kPanelLanes * static_cast<size_t>(row_bytes(Dtype::int4, job.cols.begin - job.shape.stored_begin()));
  const auto put_word = [&](size_t u, size_t word) {
    std::array<uint32_t, 8> words;
    for (size_t k = 0; k < 8; ++k) std::memcpy(&words[k], job.source + (8 * u + k) * job.source_stride + 4 * word, 4);
    transpose_nibbles(words);
    for (size_t j = 0; j < 8; ++j) {
      const size_t output = 8 * word + kAwqOrder[j];
      if (output < skip || output - skip >= outputs) continue;
      const size_t row = first + output - skip;
      std::memcpy(codes + row / kPanelLanes * panel_bytes + 4 * (u * kPanelLanes + row % kPanelLanes), &words[j], 4);
    }
  };
  for (size_t begin = 0; begin < units; begin += kUnitsAtOnce) {
    for (size_t word = 0; 8 * word < skip + outputs; ++word) {
      for (size_t u = begin; u < std::min(begin + kUnitsAtOnce, units); ++u) put_word(u, word);
    }
  }
}

bool inside(Range part, Range whole) { return part.begin >= whole.begin && part.end <= whole.end; }

}  // namespace

void pack_codes(const PackCodes& job) {
  const WeightFormat& f = job.shape.format;
  const int64_t unit = column_unit(f);
  YOKE_ASSERT(info(f.codes).weight && job.cols.begin % unit == 0 && job.cols.size() % unit == 0);
  YOKE_ASSERT(inside(job.cols, {job.shape.stored_begin(), job.shape.stored_end()}) || job.cols.empty());
  YOKE_ASSERT(inside(job.rows, {job.shape.row_begin, job.shape.row_begin + job.shape.rows}) || job.rows.empty());
  if (job.rows.empty() || job.cols.empty()) return;
  if (f.packed && f.codes == Dtype::bf16) return format::pack_bf16(job);
  const bool block = info(f.codes).scale_elements > 0;
  switch (job.layout) {
    case CodeLayout::rows: return block ? pack_blocks(job) : pack_elements(job);
    case CodeLayout::columns:
      YOKE_ASSERT(info(f.codes).block_elements == 1 && job.output_step > 0);
      return pack_columns(job);
    case CodeLayout::gptq:
      YOKE_ASSERT(f.codes == Dtype::int4);
      return pack_outputs<uint32_t>(job, 1);
    case CodeLayout::awq:
      YOKE_ASSERT(f.codes == Dtype::int4 && job.source_skip >= 0 && job.source_skip < 8);
      return pack_awq(job);
  }
}

}  // namespace yoke::kernels
