// A progress bar on stderr, only where that is a terminal. One thread.
#pragma once

#include <cstddef>
#include <string>

namespace yoke::node::selftest {

class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar();  // clears the line
  void show(const std::string& what, size_t done, size_t total);

 private:
  const bool terminal_;
  bool shown_ = false;
};

}  // namespace yoke::node::selftest
