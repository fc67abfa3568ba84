#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "core/units.h"

namespace yoke::cli {

Progress::Progress() : terminal_(isatty(STDERR_FILENO) != 0) {}
Progress::~Progress() { clear(); }

void Progress::show(const std::string& what) {
  if (!terminal_) return;
  fmt::print(stderr, "\r\033[K{}", what);
  std::fflush(stderr);
  shown_ = true;
}

void Progress::show(const std::string& what, uint64_t done, uint64_t total) {
  constexpr uint64_t kWidth = 30;
  if (total == 0) return show(what);
  const uint64_t filled = std::min(kWidth, kWidth * done / total);
  show(fmt::format("{} [{}{}] {} / {}", what, std::string(filled, '='), std::string(kWidth - filled, ' '), format_bytes(done),
                   format_bytes(total)));
}

void Progress::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace yoke::cli
