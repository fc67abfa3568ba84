// 16 rows of elements into lanes: element k of row l becomes element 16 k + l. What packing spends its time on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/format/panel.h"

namespace yoke::kernels::format {

// A sequence of 2n elements whose halves are interleaved has its index's bits turned left by one. 16 rows are four bits: after
// four rounds (row, column) has become (column, row). Each pair of vectors makes two of the next round.
template <typename T>
inline void transpose_tile(const std::byte* source, size_t stride, std::byte* to) {
  typedef T Vector __attribute__((vector_size(16)));
  constexpr size_t kElements = 16 / sizeof(T);
  Vector rows[kPanelLanes], turned[kPanelLanes];
  for (size_t l = 0; l < kPanelLanes; ++l) std::memcpy(&rows[l], source + l * stride, sizeof(Vector));
  for (int round = 0; round < 4; ++round) {
    for (size_t i = 0; i < kPanelLanes / 2; ++i) {
      const Vector a = rows[i], b = rows[i + kPanelLanes / 2];
      if constexpr (kElements == 16) {
        turned[2 * i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        turned[2 * i + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
      } else if constexpr (kElements == 8) {
        turned[2 * i] = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
        turned[2 * i + 1] = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
      } else {
        turned[2 * i] = __builtin_shufflevector(a, b, 0, 4, 1, 5);
        turned[2 * i + 1] = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      }
    }
    std::memcpy(rows, turned, sizeof(rows));
  }
  std::memcpy(to, rows, sizeof(rows));
}

// `count` elements of each of `rows` rows that lie `stride` bytes apart, into the lanes from `lane` on. `to` is lane 0's.
template <typename T>
inline void to_lanes(const std::byte* source, size_t stride, size_t count, size_t lane, size_t rows, std::byte* to) {
  constexpr size_t kElements = 16 / sizeof(T);
  size_t k = 0;
  if (rows == kPanelLanes) {
    for (; k + kElements <= count; k += kElements) transpose_tile<T>(source + k * sizeof(T), stride, to + k * kPanelLanes * sizeof(T));
  }
  for (; k < count; ++k) {
    for (size_t l = 0; l < rows; ++l) {
      std::memcpy(to + (k * kPanelLanes + lane + l) * sizeof(T), source + l * stride + k * sizeof(T), sizeof(T));
    }
  }
}

// The same for elements of 1, 2 or 4 bytes, known at run time.
inline void to_lanes(size_t bytes, const std::byte* source, size_t stride, size_t count, size_t lane, size_t rows, std::byte* to) {
  if (bytes == 1) return to_lanes<uint8_t>(source, stride, count, lane, rows, to);
  if (bytes == 2) return to_lanes<uint16_t>(source, stride, count, lane, rows, to);
  to_lanes<uint32_t>(source, stride, count, lane, rows, to);
}

}  // namespace yoke::kernels::format
