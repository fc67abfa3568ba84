// One request's events on their way from the thread that schedules to the one that writes: the two ends of a Stream.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "coordinator/service.h"

namespace boost::asio {
class io_context;
}

namespace yoke::coordinator {

// Work for the dispatcher's thread, from any thread. Outlives the dispatcher: what comes after close() is dropped.
class Mailbox {
 public:
  explicit Mailbox(boost::asio::io_context& context) : context_(&context) {}
  bool post(std::function<void()> work);
  void close();

 private:
  std::mutex mutex_;
  boost::asio::io_context* context_;
};

// Events in between. Any thread. Callbacks are called without the lock.
class EventBuffer {
 public:
  void push(Event event);                    // nothing after a FinishEvent
  bool full() const;                         // Stream::kMaxPending events wait
  bool finished() const;

  // True with `drained` where full() ended by it.
  std::vector<Event> take(bool& drained);
  void on_event(std::function<void()> notify);

 private:
  mutable std::mutex mutex_;
  std::vector<Event> events_;
  std::shared_ptr<std::function<void()>> notify_;
  bool finished_ = false;
};

// What the client of Service holds. `on_drained` and `on_cancel` are called at most once per fullness and once in all, from the
// client's thread.
std::shared_ptr<Stream> make_stream(std::shared_ptr<EventBuffer> buffer, std::function<void()> on_drained,
                                    std::function<void()> on_cancel);

}  // namespace yoke::coordinator
