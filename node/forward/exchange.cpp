#include "node/forward/exchange.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <new>
#include <thread>

#include "core/error.h"

namespace yoke::node::forward {
namespace {

constexpr Duration kSleep = std::chrono::microseconds(20);
constexpr Duration kLetGo = std::chrono::seconds(2);  // for a GPU whose waits were released
constexpr int kPollsALook = 256;                      // between looks at the clock and at the GPU's health

}  // namespace

Exchange::Exchange(kernels::Device& device, transport::Communicator& group, Duration deadline, Duration spin)
    : device_(device), group_(group), deadline_(deadline), spin_(spin),
      words_(new (device.allocate(sizeof(Words), kernels::Device::Memory::shared)) Words{}) {}

// The GPU may read `base` until its last join is over: only then does it change.
void Exchange::begin() {
  device_.finish(deadline_, "the step before");
  std::atomic_ref(words_->base).store(next_base_, std::memory_order_release);
}

void Exchange::serve(int64_t joins, std::span<float> halves, Duration patience) {
  const std::span<std::byte> all = std::as_writable_bytes(halves);
  const std::array<uint64_t, 2> part_bytes{all.size() / 2, all.size() / 2};
  const std::span<const std::byte> mine = all.subspan(static_cast<size_t>(group_.rank()) * part_bytes[0], part_bytes[0]);
  try {
    for (uint64_t number = next_base_; number < next_base_ + static_cast<uint64_t>(joins); ++number) {
      await(number, patience);
      group_.all_gather(mine, all.data(), part_bytes, deadline_);
      std::atomic_ref(words_->arrived).store(number, std::memory_order_release);
    }
  } catch (...) {
    release();
    throw;
  }
  next_base_ += static_cast<uint64_t>(joins);
}

void Exchange::await(uint64_t number, Duration patience) {
  const std::atomic_ref sent(words_->sent);
  const TimePoint begin = system_clock().now();
  for (int polls = 0; sent.load(std::memory_order_acquire) < number; ++polls) {
    if (polls % kPollsALook != kPollsALook - 1) continue;
    const Duration waited = system_clock().now() - begin;
    if (device_.idle() && sent.load(std::memory_order_acquire) < number) {
      throw Error{Code::internal, fmt::format("the GPU ended a step before its join {}", number - next_base_)};
    }
    if (waited > patience) {
      throw Error{Code::deadline_exceeded, fmt::format("join {} of a step: the GPU did not come to it in {} ms", number - next_base_,
                                                       std::chrono::duration_cast<std::chrono::milliseconds>(waited).count())};
    }
    if (waited > spin_) std::this_thread::sleep_for(kSleep);
  }
}

void Exchange::release() noexcept {
  std::atomic_ref(words_->arrived).store(kernels::kReleased, std::memory_order_release);
  try {
    device_.finish(kLetGo, "a step that failed");
  } catch (const Error&) {
    // The engine is killed for the first error.
  }
}

}  // namespace yoke::node::forward
