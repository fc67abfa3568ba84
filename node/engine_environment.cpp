#include <algorithm>
#include <string_view>

#include "node/engine_process.h"

namespace yoke::node {
namespace {

// A list of what passes, not of what does not: libraries invent new variables.
constexpr std::string_view kNames[] = {"PATH=", "HOME=", "LANG=", "TZ=", "TMPDIR=", "XDG_RUNTIME_DIR=", "XDG_CACHE_HOME=", "LD_LIBRARY_PATH="};
constexpr std::string_view kPrefixes[] = {"YOKE_", "LC_", "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS=", "LSAN_OPTIONS="};
constexpr std::string_view kLogLevel = "YOKE_LOG_LEVEL=";

bool passes(std::string_view entry) {
  const auto begins = [entry](std::string_view start) { return entry.starts_with(start); };
  return (std::ranges::any_of(kNames, begins) || std::ranges::any_of(kPrefixes, begins)) && !begins(kLogLevel);
}

}  // namespace

std::vector<std::string> engine_environment(const char* const* environment, const std::string& log_level) {
  std::vector<std::string> kept{std::string(kLogLevel) + log_level};
  for (; *environment; ++environment) {
    if (passes(*environment)) kept.emplace_back(*environment);
  }
  return kept;
}

}  // namespace yoke::node
