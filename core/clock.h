// The only room that reads a clock. Everything that waits or measures is given a Clock, so that a simulator can own time.
// tests/house fails on std::chrono::*_clock::now, time() or clock_gettime elsewhere.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace yoke {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;             // monotonic
  virtual int64_t unix_seconds() const = 0;      // for `created` fields and logs
};

// The machine's clock. Any thread.
const Clock& system_clock();

// What the calling thread itself has used of a processor: unlike a clock it stands still while other threads run.
Duration thread_time();

// A clock that a test moves by hand. Any thread.
class ManualClock : public Clock {
 public:
  TimePoint now() const override { return TimePoint(Duration(now_ns_.load())); }
  int64_t unix_seconds() const override { return now_ns_.load() / 1'000'000'000; }
  void advance(Duration by) { now_ns_ += by.count(); }

 private:
  std::atomic<int64_t> now_ns_{0};
};

inline double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

// "2026-11-24" in local time: chat templates' strftime_now and logs.
std::string local_time(const char* strftime_format);

}  // namespace yoke
