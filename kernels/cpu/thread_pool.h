// The threads of one CpuOps. The caller is worker 0 and does its share; the others spin for a bounded time after each task,
// because the next one usually comes within microseconds, and then sleep: spinning cores starve a peer on the same machine.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace yoke::kernels::cpu {

class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // at least 1; that one is the caller
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  // Runs task(worker) once on each worker 0 .. size() - 1 and returns when all are done. One caller at a time. What a worker
  // throws is thrown here, the first one if several do.
  void run(const std::function<void(int worker)>& task);

 private:
  void serve(int worker);
  void run_guarded(int worker);

  std::vector<std::thread> workers_;
  const std::function<void(int)>* task_ = nullptr;  // null tells the workers to end
  std::atomic<uint32_t> started_{0};                // grows with each task
  std::atomic<uint32_t> running_{0};                // workers that have not finished it
  std::mutex mutex_;
  std::exception_ptr failure_;
};

}  // namespace yoke::kernels::cpu
