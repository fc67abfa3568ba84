#include "node/selftest/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace yoke::node::selftest {
namespace {

std::string counts(size_t got, size_t wanted) { return fmt::format("{} outputs instead of {}", got, wanted); }

}  // namespace

Comparison same_bits(std::span<const float> got, std::span<const float> wanted) {
  if (got.size() != wanted.size()) return {.ok = false, .text = counts(got.size(), wanted.size())};
  Comparison c;
  size_t bad = 0, first = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::bit_cast<uint32_t>(got[i]) == std::bit_cast<uint32_t>(wanted[i])) continue;
    if (bad++ == 0) first = i;
    const double difference = std::abs(static_cast<double>(got[i]) - wanted[i]);
    if (!(difference <= c.worst)) c.worst = difference;
  }
  c.ok = bad == 0;
  if (!c.ok)
    c.text = fmt::format("{} of {} outputs differ, the first is {}: {:.9g} instead of {:.9g}", bad, got.size(), first,
                         got[first], wanted[first]);
  return c;
}

Comparison within(std::span<const float> got, const Expected& expected) {
  if (got.size() != expected.values.size()) return {.ok = false, .text = counts(got.size(), expected.values.size())};
  Comparison c;
  size_t bad = 0, first = 0;
  double closest = -1;  // of difference to bound
  for (size_t i = 0; i < got.size(); ++i) {
    const double difference = std::abs(got[i] - expected.values[i]), bound = expected.bounds[i];
    const bool ok = difference <= bound;  // false for NaN
    if (!ok && bad++ == 0) first = i;
    const double ratio = std::isnan(difference) ? 1e300 : difference / std::max(bound, 1e-300);
    if (ratio <= closest) continue;
    closest = ratio;
    c.worst = difference;
    c.bound = bound;
  }
  c.ok = bad == 0;
  if (!c.ok) {
    c.text = fmt::format("{} of {} outputs are beyond their bound, the first is {}: {:.9g} instead of {:.9g} +- {:.3g}",
                         bad, got.size(), first, got[first], expected.values[first], expected.bounds[first]);
  }
  return c;
}

}  // namespace yoke::node::selftest
