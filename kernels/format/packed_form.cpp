#include "kernels/format/packed_form.h"

#include <fmt/format.h>

#include <atomic>

#include "core/error.h"

namespace yoke::kernels::format {
namespace {

uint32_t byte_at(const std::byte* bytes, size_t index) { return std::to_integer<uint32_t>(bytes[index]); }

const std::byte* table_of(const PackedMatrix& w, int64_t panel) {
  return w.data + tail_offsets(w.shape).tables + kPanelLanes * static_cast<size_t>(panel);
}

// The byte of an exception that is listed.
uint32_t listed(const Exceptions& exceptions, int64_t panel, size_t column, size_t lane) {
  uint32_t found = 256;
  exceptions.visit(panel, column, column + 1, [&](size_t place, uint8_t byte) {
    if (place % kPanelLanes == lane) found = byte;
  });
  YOKE_ASSERT(found < 256);
  return found;
}

}  // namespace

void add_exceptions(const PackedShape& shape, std::byte* matrix, int64_t panel, std::span<const uint32_t> run) {
  if (run.empty()) return;
  const TailOffsets tail = tail_offsets(shape);
  uint32_t* const list = reinterpret_cast<uint32_t*>(matrix + tail.exceptions);
  std::byte* const link = matrix + tail.links + sizeof(uint32_t) * static_cast<size_t>(panel);
  const uint64_t room = shape.exception_words() - 1;
  const uint32_t words = static_cast<uint32_t>(run.size()) + 2;
  const uint32_t used = std::atomic_ref<uint32_t>(list[0]).fetch_add(words, std::memory_order_relaxed);
  if (used + uint64_t{words} > room) {
    throw Error{Code::unsupported,
                fmt::format("cannot be packed: {} of its {} x {} leave the table of a panel so often that their list would take {} words or "
                            "more, it has {}; serve the model without --pack",
                            shape.format.codes == Dtype::bf16 ? "exponents" : "scales", shape.rows, shape.cols, used + uint64_t{words}, room),
                "pack"};
  }
  const uint32_t begin = 1 + used;
  std::memcpy(list + begin, link, sizeof(uint32_t));
  list[begin + 1] = static_cast<uint32_t>(run.size());
  std::memcpy(list + begin + 2, run.data(), run.size_bytes());
  std::memcpy(link, &begin, sizeof(begin));
}

uint16_t packed_bf16(const PackedMatrix& w, const Exceptions& exceptions, int64_t row, size_t column) {
  const int64_t panel = row / kPanelRows;
  const size_t lane = static_cast<size_t>(row % kPanelRows), half = column % kPackedColumns / 4;
  const std::byte* unit = panel_at(w, panel) + column / kPackedColumns * kPackedUnitBytes;
  const size_t at = packed_byte(column % 4, lane);
  const uint32_t signed_mantissa = byte_at(unit, half * kPackedPlane + at);
  const uint32_t index = byte_at(unit, 2 * kPackedPlane + at) >> (4 * half) & 15u;
  const uint32_t exponent = index == kException ? listed(exceptions, panel, column, lane) : byte_at(table_of(w, panel), index);
  return static_cast<uint16_t>((signed_mantissa & 0x80u) << 8 | exponent << 7 | (signed_mantissa & 0x7Fu));
}

uint8_t packed_scale(const PackedMatrix& w, const Exceptions& exceptions, int64_t row, size_t group) {
  const int64_t panel = row / kPanelRows;
  const size_t lane = static_cast<size_t>(row % kPanelRows), half = kPanelLanes / 2;
  const std::byte* scales = panel_at(w, panel) + static_cast<size_t>(w.shape.panel_code_bytes()) + group * half;
  const uint32_t offset = byte_at(scales, lane % half) >> (4 * (lane / half)) & 15u;
  if (offset == kException) return static_cast<uint8_t>(listed(exceptions, panel, group, lane));
  return static_cast<uint8_t>((~byte_at(table_of(w, panel), lane) & 0xFFu) + offset);
}

}  // namespace yoke::kernels::format
