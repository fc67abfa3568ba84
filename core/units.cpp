#include "core/units.h"

#include <fmt/format.h>

#include <charconv>
#include <cctype>
#include <limits>

#include "core/error.h"

namespace yoke {
namespace {

constexpr std::string_view kSuffixes[] = {"B", "KiB", "MiB", "GiB", "TiB"};

}  // namespace

std::string format_bytes(uint64_t bytes) {
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024.0 && unit + 1 < std::size(kSuffixes)) {
    value /= 1024.0;
    ++unit;
  }
  if (unit == 0) return fmt::format("{} B", bytes);
  const int decimals = value < 10 ? 2 : value < 100 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, kSuffixes[unit]);
}

uint64_t parse_bytes(std::string_view text) {
  const std::string whole(text);
  size_t digits = 0;
  double value = 0;
  try {
    value = std::stod(whole, &digits);
  } catch (const std::exception&) {
    throw Error{Code::invalid_argument, fmt::format("'{}' is not a size; write for example 4096, 64KiB or 1.5GiB", text)};
  }
  std::string unit;
  for (size_t i = digits; i < whole.size(); ++i) {
    if (!std::isspace(static_cast<unsigned char>(whole[i]))) unit += static_cast<char>(std::toupper(whole[i]));
  }
  constexpr std::string_view kLetters = "BKMGT";
  const size_t power = unit.empty() ? 0 : kLetters.find(unit[0]);
  const std::string_view rest = unit.empty() ? std::string_view{} : std::string_view(unit).substr(1);
  const bool known = power != std::string_view::npos && (rest.empty() || rest == "B" || rest == "IB");
  if (!known || !(value >= 0) || value * static_cast<double>(1ull << (10 * power)) > 9.0e18) {
    throw Error{Code::invalid_argument, fmt::format("'{}' is not a size; write for example 4096, 64KiB or 1.5GiB", text)};
  }
  return static_cast<uint64_t>(value * static_cast<double>(1ull << (10 * power)));
}

uint64_t checked_multiply(uint64_t a, uint64_t b, std::string_view what) {
  uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) {
    throw Error{Code::bad_file, fmt::format("{}: {} x {} does not fit 64 bits", what, a, b)};
  }
  return product;
}

uint64_t checked_add(uint64_t a, uint64_t b, std::string_view what) {
  uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) {
    throw Error{Code::bad_file, fmt::format("{}: {} + {} does not fit 64 bits", what, a, b)};
  }
  return sum;
}

}  // namespace yoke
