#include <gtest/gtest.h>
#include <sched.h>

#include <cstdlib>

#include "core/error.h"
#include "processes.h"
#include "roads.h"

namespace yoke::transport::conformance {
namespace {

class BetweenProcesses : public testing::TestWithParam<Road> {};

void reduce_often(Communicator& rank, int times) {
  std::vector<float> data(2048);
  for (int i = 0; i < times; ++i) {
    std::fill(data.begin(), data.end(), static_cast<float>(rank.rank() + i));
    rank.all_reduce(data.data(), static_cast<int64_t>(data.size()), Dtype::f32, kPatience);
    const auto sum = static_cast<float>(rank.size() * (rank.size() - 1) / 2 + i * rank.size());
    for (const float value : data) {
      if (value != sum) throw Error{Code::internal, "a wrong sum: " + std::to_string(value) + " is not " + std::to_string(sum)};
    }
  }
  rank.barrier(kPatience);
}

void pin_to_core_0(int) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(0, &cores);
  sched_setaffinity(0, sizeof cores, &cores);
}

TEST_P(BetweenProcesses, TwoAndThreeRanksReduce) {
  for (const int size : {2, 3}) {
    Processes processes(size, GetParam(), [](Communicator& rank, Signal&) { reduce_often(rank, 200); });
    for (int rank = 0; rank < size; ++rank) EXPECT_EQ(processes.outcome(rank), "") << "rank " << rank << " of " << size;
  }
}

// Each message would cost a time slice of 4 ms and more if a rank span until it came.
TEST_P(BetweenProcesses, TwoRanksOnOneCoreMakeProgress) {
  Processes processes(2, GetParam(), [](Communicator& rank, Signal&) { reduce_often(rank, 300); }, pin_to_core_0);
  EXPECT_EQ(processes.outcome(0), "");
  EXPECT_EQ(processes.outcome(1), "");
}

TEST_P(BetweenProcesses, TwoRanksThatLearnTooLateThatTheyShareACoreMakeProgress) {
  Processes processes(2, GetParam(), [](Communicator& rank, Signal&) {
    pin_to_core_0(rank.rank());
    reduce_often(rank, 300);
  });
  EXPECT_EQ(processes.outcome(0), "");
  EXPECT_EQ(processes.outcome(1), "");
}

TEST_P(BetweenProcesses, ARankThatIsKilledIsLostAtOnceAndNamed) {
  Processes processes(3, GetParam(), [](Communicator& rank, Signal& ready) {
    ready.raise();
    std::byte never{};
    if (rank.rank() == 2) rank.recv({&never, 1}, 0, kPatience);  // until it is killed
    rank.barrier(kPatience);
  });
  for (const int rank : {0, 1, 2}) processes.wait_until_ready(rank);
  processes.kill(2);
  const TimePoint begin = system_clock().now();
  for (const int rank : {0, 1}) {
    const std::string outcome = processes.outcome(rank);
    EXPECT_NE(outcome.find("is gone"), std::string::npos) << outcome;
    EXPECT_NE(outcome.find("rank 2"), std::string::npos) << outcome;
  }
  EXPECT_LT(seconds(system_clock().now() - begin), 5);
}

TEST_P(BetweenProcesses, TheUsersSettingsOfUcxChangeNothing) {
  Processes processes(2, GetParam(), [](Communicator& rank, Signal&) { reduce_often(rank, 10); }, [](int) {
    setenv("UCX_TLS", "rc_mlx5", 1);
    setenv("UCX_NET_DEVICES", "nothing0", 1);
    setenv("UCX_RNDV_THRESH", "0", 1);
  });
  EXPECT_EQ(processes.outcome(0), "");
  EXPECT_EQ(processes.outcome(1), "");
}

const Road kRoads[] = {
    {.name = "auto", .backend = "ucx", .rails = "auto"},
    {.name = "shm", .backend = "ucx", .rails = "shm"},
    {.name = "tcp", .backend = "ucx", .rails = "tcp"},
    {.name = "nccl", .backend = "nccl", .device = true},
};

INSTANTIATE_TEST_SUITE_P(Conformance, BetweenProcesses, testing::ValuesIn(kRoads),
                         [](const testing::TestParamInfo<Road>& road) { return road.param.name; });

}  // namespace
}  // namespace yoke::transport::conformance
