#include "transport/select.h"

#include <gtest/gtest.h>

namespace yoke::transport {
namespace {

TEST(Select, ThreadsOfOneProcessTakeLoopbackWhateverTheSize) {
  for (const uint64_t bytes : {uint64_t{1}, kSmallBytes, uint64_t{16} << 20}) {
    EXPECT_EQ(select(Operation::all_reduce, bytes, {.one_process = true, .one_host = true}).backend, "loopback");
  }
}

TEST(Select, ProcessesOfOneHostShareMemoryAndHostsTakeTcp) {
  EXPECT_EQ(select(Operation::all_reduce, 8192, {.one_host = true}).rails, "shm");
  EXPECT_EQ(select(Operation::all_reduce, 8192, {}).rails, "tcp");
}

TEST(Select, NcclCarriesALargeMessageBetweenGpus) {
  for (const Operation operation : {Operation::all_reduce, Operation::all_gather, Operation::broadcast, Operation::send}) {
    const RoadChoice choice = select(operation, kSmallBytes + 1, {.device_memory = true});
    EXPECT_EQ(choice.backend, "nccl");
    EXPECT_NE(choice.why.find("128 KiB"), std::string::npos) << choice.why;
    EXPECT_EQ(select(operation, kSmallBytes + 1, {}).backend, "ucx") << "host memory";
  }
  EXPECT_EQ(select(Operation::barrier, kSmallBytes + 1, {.device_memory = true}).backend, "ucx");
}

TEST(Select, SaysTheBytesAndWhyNcclDoesNotCarryALargeMessageOfAGpu) {
  const RoadChoice large = select(Operation::all_reduce, kSmallBytes + 1, {.device_memory = true, .no_nccl = "it is too old"});
  EXPECT_EQ(large.backend, "ucx");
  EXPECT_NE(large.why.find("NCCL would carry it, but it is too old"), std::string::npos) << large.why;
  const RoadChoice small = select(Operation::all_reduce, kSmallBytes, {.device_memory = true});
  EXPECT_NE(small.why.find("128 KiB"), std::string::npos) << small.why;
  EXPECT_EQ(small.why.find("would carry"), std::string::npos) << small.why;
}

}  // namespace
}  // namespace yoke::transport
