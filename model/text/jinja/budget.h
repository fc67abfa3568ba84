// What one rendering may cost, and the error it fails with. One thread.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "model/text/chat_template.h"

namespace yoke::model::text::jinja {

// Thrown while a template runs; ChatTemplate::render adds the line and makes it an Error.
struct Fault : std::runtime_error {
  explicit Fault(const std::string& message, bool own_words = false) : std::runtime_error(message), own_words(own_words) {}
  bool own_words;  // the template's: raise_exception
};

template <typename... Arguments>
[[noreturn]] void fail(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  throw Fault(fmt::format(format, std::forward<Arguments>(arguments)...));
}

class Budget {
 public:
  explicit Budget(const RenderLimits& limits) : limits_(limits), steps_left_(limits.steps) {}

  // One step is a node evaluated, an element visited or copied, or this many bytes read or written.
  static constexpr int64_t kBytesPerStep = 64;

  void spend(size_t steps) {
    if (steps > static_cast<uint64_t>(steps_left_)) {
      fail("rendering took more than {} steps; a shorter conversation may do", limits_.steps);
    }
    steps_left_ -= static_cast<int64_t>(steps);
  }
  void spend_bytes(size_t bytes) { spend(bytes / kBytesPerStep); }

  // For a string that is about to be `bytes` long, so that no string outgrows the output.
  void check_length(size_t bytes) const {
    if (bytes > static_cast<uint64_t>(limits_.output_bytes)) {
      fail("the rendered text would be longer than {} bytes", limits_.output_bytes);
    }
  }

 private:
  RenderLimits limits_;
  int64_t steps_left_;
};

// Depth of nested values: lists of lists of lists. Python's JSON reader and ours stay far below.
inline constexpr int kMaxValueDepth = 200;

}  // namespace yoke::model::text::jinja
