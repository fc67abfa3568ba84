// Packed forms, without loss (docs/formats.md): a nibble in the place of a byte, looked up in the panel's table; nibble 15 is an
// exception, whose byte the part's list holds.
//
//   BF16    a unit of 8 columns is 192 bytes: 64 bytes of sign and mantissa (s mmmmmmm) of columns 0 .. 3, 64 of columns 4 .. 7,
//           and 64 of exponent indices, a byte's low nibble the first half's and its high nibble the second's. In each 64 bytes
//           column c of a half and lane l lie at byte 16 (l / 4) + 8 (c / 2) + 2 (l % 4) + c % 2: a table lookup and an
//           interleave within 16 bytes give two columns of a vector of lanes. The panel's table is 15 exponents, and 1 once they are chosen.
//   NVFP4   codes as unpacked; each group's 16 scales in 8 bytes, lane l in the low nibble of byte l, lane l + 8 in its high one: the
//           scale's code less the output's base. The panel's table is 16 bases, their bits inverted (0: not chosen yet).
// The table of a panel is chosen from the first piece of it that is put in place: any table is right, a bad one lists more exceptions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "kernels/format/panel.h"

namespace yoke::kernels::format {

inline constexpr uint32_t kException = 15;
inline constexpr size_t kPackedColumns = 8;  // of a unit of BF16
inline constexpr size_t kPackedPlane = 64;   // bytes of one of a unit's three planes
inline constexpr size_t kPackedUnitBytes = 3 * kPackedPlane;

// Of column `column` of a half unit.
constexpr size_t packed_byte(size_t column, size_t lane) { return lane / 4 * 16 + column / 2 * 8 + lane % 4 * 2 + column % 2; }

// The exceptions of a panel, a column's (or group's) after another, are 16 * column + lane, shifted up by 8, and the byte. Pieces put
// in place one after the other make a run each: words [the run before, or 0][count][exceptions, ascending], which begins at the
// word of the list that the panel's link, or the run after, names. Word 0 counts the words in use.
constexpr uint32_t exception_of(size_t column, size_t lane, uint32_t byte) {
  return static_cast<uint32_t>(column * kPanelLanes + lane) << 8 | byte;
}

class Exceptions {
 public:
  Exceptions(const std::byte* links, const std::byte* list) : links_(links), list_(list) {}
  explicit Exceptions(const PackedMatrix& w) : Exceptions(w.data + tail_offsets(w.shape).links, w.data + tail_offsets(w.shape).exceptions) {}

  // body(place, byte) for those of columns first .. end - 1 of a panel; place = 16 * column + lane.
  template <class Body>
  void visit(int64_t panel, size_t first, size_t end, const Body& body) const {
    for (size_t run = word(links_, static_cast<size_t>(panel)); run != 0; run = word(list_, run)) {
      const size_t begin = run + 2, past = begin + word(list_, run + 1);
      for (size_t i = lower_bound(begin, past, exception_of(first, 0, 0)); i < past && word(list_, i) < exception_of(end, 0, 0); ++i) {
        body(size_t{word(list_, i) >> 8}, static_cast<uint8_t>(word(list_, i)));
      }
    }
  }

 private:
  static uint32_t word(const std::byte* words, size_t index) {
    uint32_t value;
    std::memcpy(&value, words + sizeof(value) * index, sizeof(value));
    return value;
  }
  size_t lower_bound(size_t begin, size_t end, uint32_t exception) const {
    while (begin < end) {
      const size_t middle = begin + (end - begin) / 2;
      if (word(list_, middle) < exception) begin = middle + 1;
      else end = middle;
    }
    return begin;
  }

  const std::byte* links_;
  const std::byte* list_;
};

// pack_codes and pack_scales of packed forms.
void pack_bf16(const PackCodes& job);
void pack_scale_offsets(const PackScales& job);

// Adds a run to a panel. Error{unsupported} where the list is full. Threads may add to different panels at once.
void add_exceptions(const PackedShape& shape, std::byte* matrix, int64_t panel, std::span<const uint32_t> run);

// One value's code as it was before packing: bits of bf16 of a stored column, or of e4m3 of a held group.
uint16_t packed_bf16(const PackedMatrix& w, const Exceptions& exceptions, int64_t row, size_t column);
uint8_t packed_scale(const PackedMatrix& w, const Exceptions& exceptions, int64_t row, size_t group);

}  // namespace yoke::kernels::format
