// Finds stop strings in a stream of text pieces, also across their borders; holds back only what may still become one.
// The stop string that is complete first ends the text (of several at the same place the longest), so that the result
// does not depend on how the text was cut into pieces. Time is linear in text times stop strings. One thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::model::text {

class StopMatcher {
 public:
  explicit StopMatcher(std::vector<std::string> stops);  // an empty stop string matches nothing

  struct Result {
    std::string text;      // safe to send: holds no part of a stop string that is still possible
    bool stopped = false;  // a stop string is complete; it and all behind it are dropped
    size_t which = 0;      // its index
  };
  Result push(std::string_view piece);
  std::string finish();  // what was held back and became none

 private:
  // Knuth, Morris and Pratt: borders[n] is the length of the longest proper prefix of the first n + 1 characters that is
  // also their suffix; `matched` is how much of the stop string the text now ends with.
  struct Stop {
    std::string text;
    std::vector<size_t> borders;
    size_t matched = 0;
  };
  static Stop make_stop(std::string text);
  static bool advance(Stop& stop, char next);

  std::vector<Stop> stops_;
  std::string held_;
};

}  // namespace yoke::model::text
