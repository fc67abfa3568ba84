#include "kernels/cpu/thread_pool.h"

#include <utility>

#include "core/error.h"

namespace yoke::kernels::cpu {
namespace {

// About 20 to 50 us: longer than the gap between two ops of a layer, shorter than anyone notices on a busy core.
constexpr int kSpins = 1000;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");  // `yield` is a no-op on most cores
#endif
}

// Waits until `value` is no longer `old`, spinning first.
uint32_t wait_for_change(std::atomic<uint32_t>& value, uint32_t old) {
  for (int i = 0; i < kSpins; ++i) {
    const uint32_t now = value.load(std::memory_order_acquire);
    if (now != old) return now;
    pause();
  }
  value.wait(old, std::memory_order_acquire);
  return value.load(std::memory_order_acquire);
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  YOKE_ASSERT(threads >= 1);
  for (int worker = 1; worker < threads; ++worker) workers_.emplace_back([this, worker] { serve(worker); });
}

ThreadPool::~ThreadPool() {
  task_ = nullptr;
  started_.fetch_add(1, std::memory_order_release);
  started_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run_guarded(int worker) {
  try {
    (*task_)(worker);
  } catch (...) {
    std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
  }
}

void ThreadPool::serve(int worker) {
  for (uint32_t seen = 0;;) {
    seen = wait_for_change(started_, seen);
    if (task_ == nullptr) return;
    run_guarded(worker);
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) running_.notify_one();
  }
}

void ThreadPool::run(const std::function<void(int)>& task) {
  task_ = &task;
  running_.store(static_cast<uint32_t>(workers_.size()), std::memory_order_relaxed);
  started_.fetch_add(1, std::memory_order_release);
  started_.notify_all();
  run_guarded(0);
  for (uint32_t left; (left = running_.load(std::memory_order_acquire)) != 0;) wait_for_change(running_, left);
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace yoke::kernels::cpu
