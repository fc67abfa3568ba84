#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "core/error.h"
#include "roads.h"

namespace yoke::transport::conformance {
namespace {

std::byte pattern(int rank, uint64_t i) { return static_cast<std::byte>(i * 31 + static_cast<uint64_t>(rank) * 101 + (i >> 9)); }

std::vector<std::byte> filled(int rank, uint64_t bytes) {
  std::vector<std::byte> data(bytes);
  for (uint64_t i = 0; i < bytes; ++i) data[i] = pattern(rank, i);
  return data;
}

void gather_and_check(Communicator& rank, const std::vector<uint64_t>& part_bytes) {
  const std::vector<std::byte> mine = filled(rank.rank(), part_bytes[rank.rank()]);
  std::vector<std::byte> all(std::accumulate(part_bytes.begin(), part_bytes.end(), uint64_t{0}), std::byte{0xEE});
  rank.all_gather(mine, all.data(), part_bytes, kPatience);
  uint64_t at = 0;
  for (int r = 0; r < rank.size(); ++r) {
    const std::vector<std::byte> part = filled(r, part_bytes[r]);
    ASSERT_TRUE(std::equal(part.begin(), part.end(), all.begin() + static_cast<ptrdiff_t>(at))) << "part of rank " << r << " on rank " << rank.rank();
    at += part_bytes[r];
  }
}

TEST_P(EveryRoad, AllGatherTakesUnevenAndEmptyParts) {
  for (int size = 1; size <= 4; ++size) {
    Group group = make_group(GetParam(), size);
    run_ranks(group, [](Communicator& rank) {
      const std::vector<uint64_t> shapes[] = {{1, 1, 1, 1}, {5, 0, 700, 3}, {0, 0, 0, 0}, {0, 70'000, 1, 300'000}, {1 << 20, 17, 1 << 19, 0}};
      for (std::vector<uint64_t> parts : shapes) {
        parts.resize(rank.size());
        gather_and_check(rank, parts);
      }
    });
  }
}

TEST_P(EveryRoad, AllGatherInPlaceLeavesTheOwnPartWhereItIs) {
  Group group = make_group(GetParam(), 3);
  run_ranks(group, [](Communicator& rank) {
    const std::vector<uint64_t> parts{1000, 0, 3000};
    std::vector<std::byte> all(4000);
    const uint64_t place = rank.rank() == 2 ? 1000 : 0;
    const std::vector<std::byte> mine = filled(rank.rank(), parts[rank.rank()]);
    std::copy(mine.begin(), mine.end(), all.begin() + static_cast<ptrdiff_t>(place));
    rank.all_gather({all.data() + place, mine.size()}, all.data(), parts, kPatience);
    for (uint64_t i = 0; i < 1000; ++i) ASSERT_EQ(all[i], pattern(0, i));
    for (uint64_t i = 0; i < 3000; ++i) ASSERT_EQ(all[1000 + i], pattern(2, i));
  });
}

TEST_P(EveryRoad, BroadcastReachesEveryRankFromEachRoot) {
  for (int size = 1; size <= 4; ++size) {
    Group group = make_group(GetParam(), size);
    run_ranks(group, [](Communicator& rank) {
      for (const uint64_t bytes : {0u, 1u, 7u, 40'000u, 1u << 20}) {
        for (int root = 0; root < rank.size(); ++root) {
          std::vector<std::byte> data = rank.rank() == root ? filled(root, bytes) : std::vector<std::byte>(bytes);
          rank.broadcast(data, root, kPatience);
          ASSERT_EQ(data, filled(root, bytes)) << bytes << " bytes from root " << root;
        }
      }
      rank.barrier(kPatience);
    });
  }
}

TEST_P(EveryRoad, MessagesBetweenTwoRanksArriveInOrder) {
  Group group = make_group(GetParam(), 2);
  run_ranks(group, [](Communicator& rank) {
    for (uint64_t i = 0; i < 400; ++i) {  // far more than may be on their way at a time
      const uint64_t bytes = i % 50 == 0 ? 200'000 : i % 90;
      std::vector<std::byte> data = rank.rank() == 0 ? filled(static_cast<int>(i), bytes) : std::vector<std::byte>(bytes);
      rank.rank() == 0 ? rank.send(data, 1, kPatience) : rank.recv(data, 0, kPatience);
      ASSERT_EQ(data, filled(static_cast<int>(i), bytes)) << "message " << i;
    }
    rank.barrier(kPatience);
  });
}

TEST_P(EveryRoad, ABufferIsFreeForReuseWhenSendReturns) {
  Group group = make_group(GetParam(), 2);
  run_ranks(group, [](Communicator& rank) {
    std::vector<std::byte> data(300'000);
    for (int i = 0; i < 20; ++i) {
      if (rank.rank() == 0) {
        data = filled(i, data.size());
        rank.send(data, 1, kPatience);
        std::fill(data.begin(), data.end(), std::byte{0xAB});
      } else {
        rank.recv(data, 0, kPatience);
        ASSERT_EQ(data, filled(i, data.size())) << "message " << i;
      }
    }
    rank.barrier(kPatience);
  });
}

TEST_P(EveryRoad, SixteenMiBGoFromOneRankToAnother) {
  Group group = make_group(GetParam(), 2);
  run_ranks(group, [](Communicator& rank) {
    std::vector<std::byte> data = rank.rank() == 1 ? filled(1, 16 << 20) : std::vector<std::byte>(16 << 20);
    rank.rank() == 1 ? rank.send(data, 0, kPatience) : rank.recv(data, 1, kPatience);
    ASSERT_EQ(data, filled(1, 16 << 20));
    rank.barrier(kPatience);
  });
}

TEST_P(EveryRoad, NoRankLeavesABarrierBeforeAllHaveEntered) {
  Group group = make_group(GetParam(), 4);
  std::atomic<int> entered{0};
  run_ranks(group, [&](Communicator& rank) {
    for (int round = 1; round <= 20; ++round) {
      ++entered;
      rank.barrier(kPatience);
      ASSERT_GE(entered.load(), 4 * round);
      rank.barrier(kPatience);
    }
  });
}

}  // namespace
}  // namespace yoke::transport::conformance
