#include "kernels/cpu/thread_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

namespace yoke::kernels::cpu {
namespace {

TEST(ThreadPool, RunsEachTaskOnceOnEveryWorkerAndWaitsForAll) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    std::vector<int> runs(static_cast<size_t>(threads), 0);
    for (int round = 1; round <= 2000; ++round) {
      pool.run([&](int worker) { ++runs[static_cast<size_t>(worker)]; });
      ASSERT_EQ(std::count(runs.begin(), runs.end(), round), threads);
    }
  }
}

TEST(ThreadPool, ThrowsInTheCallerWhatAWorkerThrowsAndGoesOn) {
  ThreadPool pool(3);
  for (int bad = 0; bad < 3; ++bad) {
    EXPECT_THROW(pool.run([&](int worker) {
      if (worker == bad) throw std::runtime_error("worker");
    }), std::runtime_error);
  }
  std::atomic<int> runs{0};
  pool.run([&](int) { ++runs; });
  EXPECT_EQ(runs, 3);
}

}  // namespace
}  // namespace yoke::kernels::cpu
