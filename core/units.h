// Numbers that cannot be swapped, and how they are printed and parsed.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace yoke {

// A half-open range of heads, features, experts, layers, vocabulary entries.
struct Range {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
  bool empty() const { return end <= begin; }
  bool contains(int64_t i) const { return i >= begin && i < end; }
  friend bool operator==(const Range&, const Range&) = default;
};

// "98.0 MiB", "1.2 GiB", "17 B": three significant digits, binary units.
std::string format_bytes(uint64_t bytes);

// "4096", "64KiB", "2 GiB", "1.5G" (binary units, B optional). Error{invalid_argument} names what it could not read.
uint64_t parse_bytes(std::string_view text);

// a * b and a + b, or Error{bad_file} with the numbers if they do not fit 64 bits: sizes that a file claims.
uint64_t checked_multiply(uint64_t a, uint64_t b, std::string_view what);
uint64_t checked_add(uint64_t a, uint64_t b, std::string_view what);

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t multiple) { return ceil_div(a, multiple) * multiple; }

}  // namespace yoke
