#include "core/bounded_queue.h"

#include <gtest/gtest.h>

#include <thread>

namespace yoke {
namespace {

using namespace std::chrono_literals;

TEST(BoundedQueue, RefusesWhatIsOverItsLimit) {
  BoundedQueue<int> queue(2);
  EXPECT_TRUE(queue.try_push(1));
  EXPECT_TRUE(queue.try_push(2));
  EXPECT_FALSE(queue.try_push(3));
  EXPECT_EQ(queue.pop(0ms), 1);
  EXPECT_TRUE(queue.try_push(3));
}

TEST(BoundedQueue, APopEndsAtItsDeadline) {
  BoundedQueue<int> queue(1);
  EXPECT_EQ(queue.pop(1ms), std::nullopt);
}

TEST(BoundedQueue, ClosingWakesWhoWaitsAndKeepsWhatIsQueued) {
  BoundedQueue<int> queue(4);
  queue.try_push(7);
  std::thread closer([&] { queue.close(); });
  EXPECT_EQ(queue.pop(10s), 7);
  EXPECT_EQ(queue.pop(10s), std::nullopt);
  EXPECT_FALSE(queue.try_push(8));
  closer.join();
}

TEST(BoundedQueue, KeepsOrderBetweenTwoThreads) {
  BoundedQueue<int> queue(8);
  std::thread producer([&] {
    for (int i = 0; i < 10000; ++i) {
      while (!queue.try_push(i)) std::this_thread::yield();
    }
  });
  for (int i = 0; i < 10000; ++i) ASSERT_EQ(queue.pop(10s), i);
  producer.join();
}

}  // namespace
}  // namespace yoke
