// Finds stop strings in a stream of text pieces, also across their borders; holds back only what may still become one.
// One thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace yoke::model::text {

class StopMatcher {
 public:
  explicit StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {}

  struct Result {
    std::string text;      // safe to send: holds no part of a stop string that is still possible
    bool stopped = false;  // a stop string is complete; it and all behind it are dropped
    size_t which = 0;      // its index
  };
  Result push(std::string_view piece);
  std::string finish();  // what was held back and became none

 private:
  std::vector<std::string> stops_;
  std::string held_;
};

}  // namespace yoke::model::text
