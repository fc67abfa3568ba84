#include <chrono>
#include <cstring>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "roads.h"

namespace yoke::transport::conformance {
namespace {

using std::chrono::milliseconds;

struct Failure {
  Code code = Code::internal;
  std::string words = "nothing was thrown";
  double took_s = 0;
};

Failure failure_of(const std::function<void()>& call) {
  Failure failure;
  const TimePoint begin = system_clock().now();
  try {
    call();
  } catch (const Error& error) {
    failure = {error.code(), error.what()};
  }
  failure.took_s = seconds(system_clock().now() - begin);
  return failure;
}

// A sanitizer or a busy machine may hold a thread up; a hang is far longer.
constexpr double kSlack = 1.0;

TEST_P(EveryRoad, ARankThatNeverComesIsNamedWithinTheDeadline) {
  struct Buffers {
    float value = 1;
    std::byte part{1}, all[3];
  };
  const std::vector<uint64_t> parts{1, 1, 1};
  const std::function<void(Communicator&, Buffers&)> calls[] = {
      [](Communicator& rank, Buffers& b) { rank.all_reduce(&b.value, 1, Dtype::f32, milliseconds(80)); },
      [&](Communicator& rank, Buffers& b) { rank.all_gather({&b.part, 1}, b.all, parts, milliseconds(80)); },
      [](Communicator& rank, Buffers& b) { rank.recv({&b.part, 1}, 2, milliseconds(80)); },
      [](Communicator& rank, Buffers& b) { rank.broadcast({&b.part, 1}, 2, milliseconds(80)); },
      [](Communicator& rank, Buffers&) { rank.barrier(milliseconds(80)); },
  };
  for (const auto& call : calls) {
    Group group = make_group(GetParam(), 3);
    Failure failures[2];
    run_ranks(group, [&](Communicator& rank) {
      Buffers buffers;
      if (rank.rank() < 2) failures[rank.rank()] = failure_of([&] { call(rank, buffers); });
    });
    // Whose deadline passes first names rank 2; the other may hear of it before its own.
    const Failure& failure = failures[0].code == Code::deadline_exceeded ? failures[0] : failures[1];
    EXPECT_EQ(failure.code, Code::deadline_exceeded) << failure.words;
    EXPECT_NE(failure.words.find("rank 2 did not come within 80 ms"), std::string::npos) << failure.words;
    EXPECT_GE(failure.took_s, 0.08);
    EXPECT_LT(failure.took_s, 0.08 + kSlack);
  }
}

TEST_P(EveryRoad, ASendThatNobodyTakesEndsByItsDeadline) {
  Group group = make_group(GetParam(), 2);
  const std::vector<std::byte> data(16 << 20);
  const Failure failure = failure_of([&] { group[0]->send(data, 1, milliseconds(100)); });
  EXPECT_EQ(failure.code, Code::deadline_exceeded) << failure.words;
  EXPECT_NE(failure.words.find("rank 1 did not come"), std::string::npos) << failure.words;
}

TEST_P(EveryRoad, AbortFromAnotherThreadEndsACallWithin100Ms) {
  Group group = make_group(GetParam(), 2);
  auto call = std::async(std::launch::async, [&] {
    return failure_of([&] { group[0]->barrier(kPatience); });
  });
  ASSERT_EQ(call.wait_for(milliseconds(60)), std::future_status::timeout);  // it waits, blocked, by now
  const TimePoint begin = system_clock().now();
  group[0]->abort();
  const Failure failure = call.get();
  EXPECT_LT(seconds(system_clock().now() - begin), 0.1);
  EXPECT_EQ(failure.code, Code::aborted) << failure.words;
}

TEST_P(EveryRoad, AbortBeforeACallEndsTheCall) {
  Group group = make_group(GetParam(), 2);
  group[1]->abort();
  EXPECT_EQ(failure_of([&] { group[1]->barrier(kPatience); }).code, Code::aborted);
}

TEST_P(EveryRoad, AfterAFailureEveryCallFailsAtOnceWithTheFirstWords) {
  Group group = make_group(GetParam(), 2);
  std::byte byte{};
  const Failure first = failure_of([&] { group[0]->recv({&byte, 1}, 1, milliseconds(30)); });
  float value = 0;
  const std::function<void()> calls[] = {[&] { group[0]->barrier(kPatience); }, [&] { group[0]->send({&byte, 1}, 1, kPatience); },
                                         [&] { group[0]->all_reduce(&value, 1, Dtype::f32, kPatience); }};
  for (const auto& call : calls) {
    const Failure later = failure_of(call);
    EXPECT_EQ(later.code, Code::deadline_exceeded);
    EXPECT_EQ(later.words, first.words);
    EXPECT_LT(later.took_s, 0.5);
  }
}

TEST_P(EveryRoad, ARankWhosePeerHasFailedNeedNotWaitForItsDeadline) {
  Group group = make_group(GetParam(), 2);
  auto call = std::async(std::launch::async, [&] {
    return failure_of([&] { group[1]->barrier(kPatience); });
  });
  group[0]->abort();
  failure_of([&] { group[0]->barrier(kPatience); });
  const Failure failure = call.get();
  // Rank 0's barrier may have let rank 1 through before it failed; then nothing was lost.
  if (failure.words == "nothing was thrown") return;
  EXPECT_EQ(failure.code, Code::peer_lost) << failure.words;
  EXPECT_NE(failure.words.find("rank 0 is gone"), std::string::npos) << failure.words;
  EXPECT_LT(failure.took_s, 5);
}

TEST_P(EveryRoad, SizesThatDifferAreRefused) {
  Group group = make_group(GetParam(), 2);
  run_ranks(group, [](Communicator& rank) {
    std::vector<float> data(rank.rank() == 0 ? 100 : 200);
    const Failure failure = failure_of([&] { rank.all_reduce(data.data(), static_cast<int64_t>(data.size()), Dtype::f32, kPatience); });
    // The second to notice may hear of it from the first.
    EXPECT_TRUE(failure.code == Code::invalid_argument || failure.code == Code::peer_lost) << failure.words;
    EXPECT_NE(failure.words.find("same sizes"), std::string::npos) << failure.words;
  });
}

TEST_P(EveryRoad, AMessageOfAnotherSizeThanAskedForIsRefused) {
  for (const uint64_t sent : {3u, 5u, 100'000u}) {
    Group group = make_group(GetParam(), 2);
    run_ranks(group, [sent](Communicator& rank) {
      if (rank.rank() == 0) {
        failure_of([&] { rank.send(std::vector<std::byte>(sent), 1, kPatience); });
        failure_of([&] { rank.barrier(kPatience); });
      } else {
        std::vector<std::byte> four(4);
        const Failure failure = failure_of([&] { rank.recv(four, 0, kPatience); });
        EXPECT_EQ(failure.code, Code::invalid_argument) << failure.words;
        EXPECT_NE(failure.words.find("where 4"), std::string::npos) << failure.words;
      }
    });
  }
}

TEST_P(EveryRoad, OperationsThatDifferAreRefused) {
  Group group = make_group(GetParam(), 2);
  run_ranks(group, [](Communicator& rank) {
    std::byte byte{};
    const Failure failure = failure_of([&] { rank.rank() == 0 ? rank.barrier(kPatience) : rank.recv({&byte, 1}, 0, kPatience); });
    if (rank.rank() == 1) {
      EXPECT_EQ(failure.code, Code::invalid_argument) << failure.words;
      EXPECT_NE(failure.words.find("came with barrier"), std::string::npos) << failure.words;
    }
  });
}

TEST_P(EveryRoad, ARankThatSaidWhatWasNeededMayGoBeforeTheOthersListen) {
  Group group = make_group(GetParam(), 2);
  std::byte sent{42}, got{};
  group[0]->send({&sent, 1}, 1, kPatience);
  group[0].reset();
  group[1]->recv({&got, 1}, 0, kPatience);
  EXPECT_EQ(got, sent);
  const Failure failure = failure_of([&] { group[1]->recv({&got, 1}, 0, kPatience); });
  EXPECT_EQ(failure.code, Code::peer_lost) << failure.words;
  EXPECT_LT(failure.took_s, 5);
}

TEST_P(EveryRoad, AGroupIsTakenDownInTimeWhateverIsInFlight) {
  const TimePoint begin = system_clock().now();
  {
    Group group = make_group(GetParam(), 2);
    const std::vector<std::byte> data(16 << 20);
    failure_of([&] { group[0]->send(data, 1, milliseconds(20)); });
  }
  EXPECT_LT(seconds(system_clock().now() - begin), 3);
}

}  // namespace
}  // namespace yoke::transport::conformance
