// A progress line on stderr, only when that is a terminal: "loading  [=====>    ]  45.2 / 93.8 MiB". One thread.
#pragma once

#include <cstdint>
#include <string>

namespace yoke::cli {

class Progress {
 public:
  Progress();
  ~Progress();  // clears the line
  void show(const std::string& what);                              // without a bar
  void show(const std::string& what, uint64_t done, uint64_t total);  // bytes
  void clear();

 private:
  bool terminal_;
  bool shown_ = false;
};

}  // namespace yoke::cli
