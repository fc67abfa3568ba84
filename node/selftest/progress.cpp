#include "node/selftest/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace yoke::node::selftest {

constexpr size_t kWidth = 24;

ProgressBar::ProgressBar() : terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (shown_) fmt::print(stderr, "\r\033[K");
}

void ProgressBar::show(const std::string& what, size_t done, size_t total) {
  if (!terminal_) return;
  shown_ = true;
  const size_t filled = total == 0 ? 0 : kWidth * done / total;
  fmt::print(stderr, "\r\033[K[{}{}] {}", std::string(filled, '='), std::string(kWidth - filled, ' '), what);
  std::fflush(stderr);
}

}  // namespace yoke::node::selftest
