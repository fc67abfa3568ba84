// What only NCCL can do to us: calls that hang, slow peers, errors that come later, death at each call. On the double, between
// processes; tests/emulator/nccl/settings.h has the faults.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <future>
#include <thread>
#include <vector>

#include "core/error.h"
#include "processes.h"
#include "roads.h"
#include "transport/nccl/nccl.h"
#include "transport/select.h"

namespace yoke::transport::conformance {
namespace {

using std::chrono::milliseconds;
using testing::AnyOf;
using testing::HasSubstr;

const Road kNccl{.name = "nccl", .backend = "nccl", .device = true};
constexpr Duration kDeadline = milliseconds(1500);
constexpr size_t kLarge = kSmallBytes + 4;  // goes over NCCL also as a message

// Every operation that NCCL carries, in this order: calls 1 to 4 of a rank.
constexpr int kCalls = 4;
void every_call(Communicator& rank) {
  std::vector<float> sum(1000, static_cast<float>(rank.rank() + 1));
  rank.all_reduce(sum.data(), 1000, Dtype::f32, kDeadline);
  if (sum != std::vector<float>(1000, 3.0f)) throw Error{Code::internal, "a wrong sum"};
  std::vector<std::byte> all(30, std::byte(rank.rank() + 1));
  const std::vector<uint64_t> parts{10, 20};
  rank.all_gather({all.data(), parts[static_cast<size_t>(rank.rank())]}, all.data(), parts, kDeadline);
  if (all[9] != std::byte{1} || all[29] != std::byte{2}) throw Error{Code::internal, "wrong parts"};
  rank.broadcast(all, 0, kDeadline);
  std::vector<std::byte> message(kLarge, std::byte(rank.rank()));
  rank.rank() == 0 ? rank.send(message, 1, kDeadline) : rank.recv(message, 0, kDeadline);
  if (message.back() != std::byte{0}) throw Error{Code::internal, "a wrong message"};
  rank.barrier(kDeadline);
}

std::vector<std::string> outcomes_with(const std::string& fault) {
  Processes processes(2, kNccl, [](Communicator& rank, Signal&) { every_call(rank); },
                      [&](int) { setenv("YOKE_EMULATOR_NCCL_FAULT", fault.c_str(), 1); });
  std::vector<std::string> outcomes;
  for (const int rank : {0, 1}) outcomes.push_back(processes.outcome(rank));
  return outcomes;
}

std::string fault(const char* what, int call) { return std::string(what) + ":1:" + std::to_string(call); }

TEST(NcclFaults, NothingIsWrongWithoutOne) {
  EXPECT_THAT(outcomes_with(""), testing::Each(""));
}

TEST(NcclFaults, ASlowRankChangesNoResult) {
  for (int call = 0; call <= kCalls; ++call) EXPECT_THAT(outcomes_with(fault("slow", call)), testing::Each("")) << "call " << call;
}

TEST(NcclFaults, AHangEndsByTheDeadlineOnBothRanks) {
  for (int call = 1; call <= kCalls; ++call) {
    const TimePoint begin = system_clock().now();
    for (const std::string& outcome : outcomes_with(fault("hang", call))) {
      // Whose deadline passes first tells the other.
      EXPECT_THAT(outcome, AnyOf(HasSubstr("did not end within 1500 ms"), HasSubstr("is gone"),
                                 HasSubstr("aborted its communicator")))
          << "call " << call;
    }
    EXPECT_LT(seconds(system_clock().now() - begin), 15);
  }
}

TEST(NcclFaults, AnErrorThatComesLaterIsReportedOnBothRanks) {
  for (int call = 0; call <= kCalls; ++call) {
    for (const std::string& outcome : outcomes_with(fault("error", call))) {
      EXPECT_THAT(outcome, AnyOf(HasSubstr("rank 1 failed"), HasSubstr("is gone"))) << "call " << call;
    }
  }
}

TEST(NcclFaults, ARankThatDiesAtACallIsNamedByTheOther) {
  for (int call = 0; call <= kCalls; ++call) {
    const std::vector<std::string> outcomes = outcomes_with(fault("die", call));
    EXPECT_THAT(outcomes[0], HasSubstr("rank 1 is gone")) << "call " << call;
    EXPECT_EQ(outcomes[1], "killed by signal 9") << "call " << call;
  }
}

TEST(NcclFaults, ACallThatNeverReturnsEndsWithItsProcess) {
  Processes processes(2, kNccl, [](Communicator& rank, Signal& ready) {
    ready.raise();
    every_call(rank);
  }, [](int) { setenv("YOKE_EMULATOR_NCCL_FAULT", "wedge:1:1", 1); });
  processes.wait_until_ready(1);
  EXPECT_THAT(processes.outcome(0), AnyOf(HasSubstr("did not end within 1500 ms"), HasSubstr("rank 1 is gone")));
  processes.kill(1);  // what an agent does with an engine that does not end
  EXPECT_EQ(processes.outcome(1), "killed by signal 9");
}

TEST(NcclFaults, AbortEndsAnOperationThatNcclHasBegunWithin100Ms) {
  Processes processes(2, kNccl, [](Communicator& rank, Signal&) {
    std::vector<float> data(1000);
    auto call = std::async(std::launch::async, [&] { rank.all_reduce(data.data(), 1000, Dtype::f32, kPatience); });
    TimePoint begin = system_clock().now();
    if (call.wait_for(milliseconds(300)) == std::future_status::timeout) {  // the other's abort may have ended it
      begin = system_clock().now();
      rank.abort();
    }
    try {
      call.get();
    } catch (const Error& error) {
      const double took = seconds(system_clock().now() - begin);
      throw Error{error.code(), std::string(error.what()) + (took < 0.1 ? ", in time" : ", late")};
    }
  }, [](int) { setenv("YOKE_EMULATOR_NCCL_FAULT", "hang:1:1", 1); });
  // Each aborts its own; the one that is first may be heard of by the other.
  const std::vector<std::string> outcomes{processes.outcome(0), processes.outcome(1)};
  EXPECT_THAT(outcomes, testing::Contains(HasSubstr("aborted on request, in time")));
  EXPECT_THAT(outcomes, testing::Each(AnyOf(HasSubstr("aborted on request, in time"), HasSubstr("is gone"), HasSubstr("aborted its"))));
}

TEST(NcclFaults, PeersWithAnotherVersionAreRefusedWithBothNamed) {
  Processes processes(2, kNccl, [](Communicator& rank, Signal&) { every_call(rank); },
                      [](int rank) { setenv("YOKE_EMULATOR_NCCL_VERSION", rank == 0 ? "22809" : "22907", 1); });
  for (const int rank : {0, 1}) {
    const std::string outcome = processes.outcome(rank);
    EXPECT_THAT(outcome, HasSubstr("rank 0 has NCCL 2.28.9"));
    EXPECT_THAT(outcome, HasSubstr("rank 1 has NCCL 2.29.7"));
  }
}

// In a process that begins anew: which NCCL there is, is asked once.
TEST(NcclFaults, AVersionThatIsTooOldIsNotUsed) {
  EXPECT_EXIT(
      {
        setenv("YOKE_EMULATOR_NCCL_VERSION", "22707", 1);
        std::fputs(nccl::unavailable().c_str(), stderr);
        _exit(0);
      },
      testing::ExitedWithCode(0), "NCCL 2.27.7 is too old: install libnccl2 2.28 or newer");
}

}  // namespace
}  // namespace yoke::transport::conformance
