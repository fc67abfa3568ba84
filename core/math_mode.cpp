#include "core/math_mode.h"

#include <fmt/format.h>

#include "core/error.h"

namespace yoke {
namespace {

constexpr MathMode kModes[] = {MathMode::exact, MathMode::bf16, MathMode::fp4};

}  // namespace

std::string_view name(MathMode mode) {
  switch (mode) {
    case MathMode::exact: return "exact";
    case MathMode::bf16: return "bf16";
    case MathMode::fp4: return "fp4";
  }
  return {};
}

std::string math_mode_names() {
  std::string names;
  for (const MathMode mode : kModes) names += (names.empty() ? "" : ", ") + std::string(name(mode));
  return names;
}

MathMode math_mode_named(std::string_view wanted) {
  for (const MathMode mode : kModes) {
    if (name(mode) == wanted) return mode;
  }
  throw Error{Code::invalid_argument, fmt::format("math mode '{}' is none of {}", wanted, math_mode_names()), "math"};
}

}  // namespace yoke
