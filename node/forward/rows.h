// Rows of a dense buffer, one below the other.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

namespace yoke::node::forward {

// to[i] [width, stride floats apart] = from[rows[i]] [width, dense]
inline void take_rows(std::span<const int64_t> rows, const float* from, int64_t width, float* to, int64_t stride) {
  for (const int64_t row : rows) {
    std::memcpy(to, from + row * width, static_cast<size_t>(width) * sizeof(float));
    to += stride;
  }
}

}  // namespace yoke::node::forward
