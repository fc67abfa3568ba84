#include "coordinator/event_stream.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <utility>

namespace yoke::coordinator {

bool Mailbox::post(std::function<void()> work) {
  std::lock_guard lock(mutex_);
  if (context_ == nullptr) return false;
  boost::asio::post(*context_, std::move(work));
  return true;
}

void Mailbox::close() {
  std::lock_guard lock(mutex_);
  context_ = nullptr;
}

void EventBuffer::push(Event event) {
  std::shared_ptr<std::function<void()>> notify;
  {
    std::lock_guard lock(mutex_);
    if (finished_) return;
    finished_ = std::holds_alternative<FinishEvent>(event);
    events_.push_back(std::move(event));
    notify = notify_;
  }
  if (notify) (*notify)();
}

bool EventBuffer::full() const {
  std::lock_guard lock(mutex_);
  return events_.size() >= Stream::kMaxPending;
}

bool EventBuffer::finished() const {
  std::lock_guard lock(mutex_);
  return finished_;
}

std::vector<Event> EventBuffer::take(bool& drained) {
  std::lock_guard lock(mutex_);
  drained = events_.size() >= Stream::kMaxPending;
  return std::exchange(events_, {});
}

void EventBuffer::on_event(std::function<void()> notify) {
  auto shared = std::make_shared<std::function<void()>>(std::move(notify));
  {
    std::lock_guard lock(mutex_);
    notify_ = *shared ? shared : nullptr;
    if (events_.empty()) return;
  }
  if (*shared) (*shared)();
}

namespace {

class ClientStream final : public Stream {
 public:
  ClientStream(std::shared_ptr<EventBuffer> buffer, std::function<void()> on_drained, std::function<void()> on_cancel)
      : buffer_(std::move(buffer)), on_drained_(std::move(on_drained)), on_cancel_(std::move(on_cancel)) {}

  ~ClientStream() override {
    buffer_->on_event(nullptr);
    if (!buffer_->finished()) cancel();
  }

  std::vector<Event> take() override {
    bool drained = false;
    auto events = buffer_->take(drained);
    if (drained) on_drained_();
    return events;
  }
  void on_event(std::function<void()> notify) override { buffer_->on_event(std::move(notify)); }
  void cancel() override {
    if (!cancelled_.exchange(true)) on_cancel_();
  }

 private:
  const std::shared_ptr<EventBuffer> buffer_;
  const std::function<void()> on_drained_;
  const std::function<void()> on_cancel_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace

std::shared_ptr<Stream> make_stream(std::shared_ptr<EventBuffer> buffer, std::function<void()> on_drained,
                                    std::function<void()> on_cancel) {
  return std::make_shared<ClientStream>(std::move(buffer), std::move(on_drained), std::move(on_cancel));
}

}  // namespace yoke::coordinator
