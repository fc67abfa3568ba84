// From an answer's Waker, called by any thread at any time, to the connection that waits: the line is cut when the connection
// ends, so a late call finds nobody instead of a dangling pointer.
#pragma once

#include <functional>
#include <mutex>

namespace yoke::coordinator::http {

class WakeLine {
 public:
  explicit WakeLine(std::function<void()> ring) : ring_(std::move(ring)) {}

  // Rings once until heard(): a producer that wakes a thousand times queues one turn.
  void wake() {
    std::lock_guard lock(mutex_);
    if (rung_ || !ring_) return;
    rung_ = true;
    ring_();
  }
  void heard() {
    std::lock_guard lock(mutex_);
    rung_ = false;
  }
  void cut() {
    std::lock_guard lock(mutex_);
    ring_ = nullptr;
  }

 private:
  std::mutex mutex_;
  std::function<void()> ring_;
  bool rung_ = false;
};

}  // namespace yoke::coordinator::http
