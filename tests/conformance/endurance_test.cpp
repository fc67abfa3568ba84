// What must not grow, be left behind, or be changed in the process.
#include <csignal>
#include <cstring>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "roads.h"

namespace yoke::transport::conformance {
namespace {

// "VmRSS:     12345 kB" of /proc/self/status.
long status_number(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":")) return std::strtol(line.c_str() + key.size() + 1, nullptr, 10);
  }
  return -1;
}

size_t open_descriptors() {
  namespace fs = std::filesystem;
  return static_cast<size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

void many_operations(Group& group, int rounds) {
  run_ranks(group, [rounds](Communicator& rank) {
    std::vector<float> data(16);
    std::vector<std::byte> all(30);
    const std::vector<uint64_t> parts{10, 20};
    const int other = 1 - rank.rank();
    for (int i = 0; i < rounds; ++i) {
      rank.all_reduce(data.data(), 16, Dtype::f32, kPatience);
      rank.all_gather({all.data() + (other == 1 ? 0 : 10), parts[rank.rank()]}, all.data(), parts, kPatience);
      rank.broadcast(all, i % 2, kPatience);
      // One way only for a while: nothing but acknowledgements comes back.
      for (int j = 0; j < 2; ++j) rank.rank() == 0 ? rank.send(all, 1, kPatience) : rank.recv(all, 0, kPatience);
    }
  });
}

TEST_P(EveryRoad, AHundredThousandOperationsLeaveNoGrowth) {
  Group group = make_group(GetParam(), 2);
  const int haste = GetParam().haste;
  many_operations(group, 1000 / haste);
  const long before_kb = status_number("VmRSS");
  many_operations(group, 20'000 / haste);  // of five operations
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ran, but a sanitizer's own memory hides what the operations leave";
#endif
  EXPECT_LT(status_number("VmRSS") - before_kb, 4 * 1024) << "kB in 100,000 operations";
}

TEST_P(EveryRoad, AGroupLeavesNoThreadAndNoDescriptorBehind) {
  make_group(GetParam(), 2);  // what a library opens once a process
  const size_t descriptors = open_descriptors();
  const long threads = status_number("Threads");
  for (int i = 0; i < 5; ++i) {
    Group group = make_group(GetParam(), 3);
    run_ranks(group, [](Communicator& rank) { rank.barrier(kPatience); });
  }
  EXPECT_EQ(open_descriptors(), descriptors);
  EXPECT_EQ(status_number("Threads"), threads);
}

TEST_P(EveryRoad, SignalsAreHandledAsBefore) {
  if (GetParam().loopback()) GTEST_SKIP() << "UCX takes signals when it is loaded; loopback does not enter it";
  const Group group = make_group(GetParam(), 2);
  for (const int signal : {SIGILL, SIGBUS, SIGFPE}) {  // SIGSEGV belongs to a sanitizer where one is
    struct sigaction action {};
    ASSERT_EQ(sigaction(signal, nullptr, &action), 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    EXPECT_EQ(action.sa_handler, SIG_DFL) << strsignal(signal);
#endif
  }
}

}  // namespace
}  // namespace yoke::transport::conformance
