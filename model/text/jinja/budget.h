// What one rendering may cost, and the error it fails with. One thread.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "model/text/chat_template.h"

namespace yoke::model::text::jinja {

// Thrown while a template runs; ChatTemplate::try_render adds the line.
struct Fault : std::runtime_error {
  enum class Kind { failure, own_words, over_budget };  // own_words: the template's, by raise_exception
  explicit Fault(const std::string& message, Kind kind = Kind::failure) : std::runtime_error(message), kind(kind) {}
  Kind kind;
};

template <typename... Arguments>
[[noreturn]] void fail(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  throw Fault(fmt::format(format, std::forward<Arguments>(arguments)...));
}

template <typename... Arguments>
[[noreturn]] void over_budget(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  throw Fault(fmt::format(format, std::forward<Arguments>(arguments)...), Fault::Kind::over_budget);
}

class Budget {
 public:
  explicit Budget(const RenderLimits& limits)
      : limits_(limits), steps_(limits.steps), steps_left_(limits.steps), deadline_(system_clock().now() + limits.time) {}

  // One step is a node evaluated, an element visited or copied, or this many bytes read or written.
  static constexpr int64_t kBytesPerStep = 64;

  void spend(size_t steps) {
    if (steps > static_cast<uint64_t>(steps_left_)) {
      over_budget("rendering took more than {} steps; a shorter conversation may do", steps_);
    }
    steps_left_ -= static_cast<int64_t>(steps);
    if (steps_left_ < look_at_) look_at_clock();
  }
  // For a conversation of so many values, before anything is spent.
  void grow(size_t values) {
    const int64_t room = std::max<int64_t>(limits_.most_steps - steps_, 0), each = std::max<int64_t>(limits_.steps_per_value, 1);
    const int64_t more = values > static_cast<uint64_t>(room / each) ? room : static_cast<int64_t>(values) * limits_.steps_per_value;
    steps_ += more;
    steps_left_ += more;
    look_at_ = steps_left_;
  }
  void spend_bytes(size_t bytes) { spend(bytes / kBytesPerStep); }

  // For a string that is about to be `bytes` long, so that no string outgrows the output.
  void check_length(size_t bytes) const {
    if (bytes > static_cast<uint64_t>(limits_.output_bytes)) {
      over_budget("the rendered text would be longer than {} bytes", limits_.output_bytes);
    }
  }

 private:
  static constexpr int64_t kStepsBetweenLooks = 4096;  // some 0.3 ms

  void look_at_clock() {
    look_at_ = std::max<int64_t>(steps_left_ - kStepsBetweenLooks, 0);
    if (system_clock().now() > deadline_) {
      over_budget("rendering took longer than {} ms; a shorter conversation may do", limits_.time / std::chrono::milliseconds(1));
    }
  }

  RenderLimits limits_;
  int64_t steps_, steps_left_;
  int64_t look_at_ = steps_left_;  // the clock is read when fewer steps are left
  TimePoint deadline_;
};

// Depth of nested values: lists of lists of lists. Python's JSON reader and ours stay far below.
inline constexpr int kMaxValueDepth = 200;

}  // namespace yoke::model::text::jinja
