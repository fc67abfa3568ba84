#include "tests/emulator/driver/stream.h"

#include <chrono>

#include "tests/emulator/driver/settings.h"

namespace yoke::emulator {
namespace {

constexpr auto kTardy = std::chrono::milliseconds(1);
constexpr int kPauseOneIn = 4;
constexpr int kLongestPauseUs = 300;

struct State {
  std::mutex mutex;
  uint64_t made = 0;
  std::vector<std::weak_ptr<Stream>> streams;
};

State& state() {
  static State* const once = new State;  // leaked: see settings.cpp
  return *once;
}

}  // namespace

Stream::Stream(Device& device, uint64_t number) : device_(device), random_(settings().seed * 1000003 + number) {}

void Stream::enqueue(Work work) {
  std::lock_guard lock(mutex_);
  queue_.push_back(std::move(work));
  changed_.notify_all();
}

bool Stream::idle() const {
  std::lock_guard lock(mutex_);
  return queue_.empty() && !busy_;
}

void Stream::wait_idle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return queue_.empty() && !busy_; });
}

void Stream::start() {
  thread_ = std::thread([self = shared_from_this()] { self->work(); });
}

void Stream::end_when_idle() {
  bool was_idle = false;
  {
    std::lock_guard lock(mutex_);
    was_idle = queue_.empty() && !busy_;
    ending_ = true;
    changed_.notify_all();
  }
  was_idle ? thread_.join() : thread_.detach();
}

void Stream::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return !queue_.empty() || ending_; });
    if (queue_.empty()) return;
    const Work work = std::move(queue_.front());
    queue_.pop_front();
    busy_ = true;
    lock.unlock();
    run(work);
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

void Stream::run(const Work& work) {
  if (device_.sticky != 0 && !work.after_errors) return;
  pause_before(work);
  try {
    work.run();
  } catch (const Failure& failure) {
    device_.fail(work.name, failure);
  }
}

void Stream::pause_before(const Work& work) {
  if (work.tardy) std::this_thread::sleep_for(kTardy);
  if (settings().seed == 0 || random_() % kPauseOneIn != 0) return;
  std::this_thread::sleep_for(std::chrono::microseconds(random_() % kLongestPauseUs));
}

std::shared_ptr<Stream> make_stream(Device& device) {
  std::lock_guard lock(state().mutex);
  auto stream = std::make_shared<Stream>(device, state().made++);
  std::erase_if(state().streams, [](const auto& known) { return known.expired(); });
  state().streams.push_back(stream);
  stream->start();
  return stream;
}

void wait_for_all(Device& device) {
  std::vector<std::shared_ptr<Stream>> streams;
  {
    std::lock_guard lock(state().mutex);
    for (const auto& known : state().streams) {
      if (auto stream = known.lock(); stream && &stream->device() == &device) streams.push_back(std::move(stream));
    }
  }
  for (const auto& stream : streams) stream->wait_idle();
}

uint64_t Event::record_begins() {
  std::lock_guard lock(mutex_);
  return ++recorded_;
}

void Event::record_ends(uint64_t number) {
  std::lock_guard lock(mutex_);
  done_ = std::max(done_, number);
  time_ = std::chrono::steady_clock::now();
  changed_.notify_all();
}

void Event::wait(uint64_t number) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return done_ >= number; });
}

uint64_t Event::recorded() const {
  std::lock_guard lock(mutex_);
  return recorded_;
}

bool Event::done() const {
  std::lock_guard lock(mutex_);
  return done_ >= recorded_;
}

Event::Time Event::time() const {
  std::lock_guard lock(mutex_);
  if (!timed_ || recorded_ == 0) throw Failure{CUDA_ERROR_INVALID_HANDLE, "the event has no time: not recorded, or made without timing"};
  if (done_ < recorded_) throw Failure{CUDA_ERROR_NOT_READY, ""};
  return time_;
}

}  // namespace yoke::emulator
