// The double of NCCL itself: what a wrong use of NCCL would do silently, or by waiting for ever, it says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "core/cuda/driver.h"
#include "transport/nccl/library.h"

namespace yoke::transport::nccl {
namespace {

using cuda::driver;
using testing::HasSubstr;

// One rank of two, on a device of its own.
struct Rank {
  int number = 0;
  ncclComm_t comm = nullptr;
  cuda::CUstream stream = nullptr;
  cuda::CUdeviceptr buffer = 0;  // 64 floats, each the rank's number + 1

  ncclResult_t poll() const {
    ncclResult_t state = ncclSuccess;
    EXPECT_EQ(functions().ncclCommGetAsyncError(comm, &state), ncclSuccess);
    return state;
  }
  ncclResult_t settle() const {  // until it is not in progress
    ncclResult_t state = ncclInProgress;
    while ((state = poll()) == ncclInProgress) std::this_thread::yield();
    return state;
  }
  float* at(size_t element) const { return reinterpret_cast<float*>(buffer) + element; }
  ncclResult_t all_reduce(size_t count) const {
    return functions().ncclAllReduce(at(0), at(0), count, ncclFloat32, ncclSum, comm, stream);
  }
  float first() const {
    float value = 0;
    cuda::check(driver().cuMemcpyDtoHAsync(&value, buffer, sizeof value, stream), "cuMemcpyDtoHAsync");
    cuda::check(driver().cuStreamSynchronize(stream), "cuStreamSynchronize");
    return value;
  }
};

ncclComm_t join(int rank, const ncclUniqueId& id) {
  ncclConfig_t config;
  config.blocking = 0;
  ncclComm_t comm = nullptr;
  EXPECT_EQ(functions().ncclCommInitRankConfig(&comm, 2, id, rank, &config), ncclInProgress);
  return comm;
}

void enter(int device) {
  cuda::CUcontext context = nullptr;
  cuda::check(driver().cuDevicePrimaryCtxRetain(&context, device), "cuDevicePrimaryCtxRetain");
  cuda::check(driver().cuCtxSetCurrent(context), "cuCtxSetCurrent");
}

void on_two_ranks(const std::function<void(const Rank&)>& body) {
  ncclUniqueId id;
  ASSERT_EQ(functions().ncclGetUniqueId(&id), ncclSuccess);
  std::vector<std::thread> threads;
  for (int number = 0; number < 2; ++number) {
    threads.emplace_back([&, number] {
      enter(number);
      Rank rank{.number = number, .comm = join(number, id)};
      ASSERT_EQ(rank.settle(), ncclSuccess);
      cuda::check(driver().cuStreamCreateWithPriority(&rank.stream, cuda::CU_STREAM_NON_BLOCKING, 0), "cuStreamCreateWithPriority");
      cuda::check(driver().cuMemAlloc(&rank.buffer, 64 * sizeof(float)), "cuMemAlloc");
      const std::vector<float> values(64, static_cast<float>(number + 1));
      cuda::check(driver().cuMemcpyHtoDAsync(rank.buffer, values.data(), 64 * sizeof(float), rank.stream), "cuMemcpyHtoDAsync");
      cuda::check(driver().cuStreamSynchronize(rank.stream), "cuStreamSynchronize");
      body(rank);
      EXPECT_EQ(functions().ncclCommAbort(rank.comm), ncclSuccess);
      EXPECT_EQ(functions().ncclCommAbort(rank.comm), ncclInvalidArgument) << "it is gone";
      driver().cuStreamDestroy(rank.stream);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(NcclDouble, IsInProgressUntilItIsPolled) {
  enter(0);
  ncclUniqueId id;
  ASSERT_EQ(functions().ncclGetUniqueId(&id), ncclSuccess);
  const Rank alone{.comm = join(0, id)};
  EXPECT_EQ(alone.poll(), ncclInProgress) << "the other has not come";
  EXPECT_EQ(functions().ncclCommAbort(alone.comm), ncclSuccess);
  on_two_ranks([](const Rank& rank) {
    EXPECT_EQ(rank.all_reduce(64), ncclInProgress);
    EXPECT_EQ(rank.all_reduce(64), ncclInvalidUsage) << "the first was not polled to its end";
    EXPECT_EQ(rank.settle(), ncclSuccess);
    EXPECT_EQ(rank.first(), 3.0f);
  });
}

TEST(NcclDouble, ReportsCountsThatDiffer) {
  on_two_ranks([](const Rank& rank) {
    rank.all_reduce(rank.number == 0 ? 64 : 32);
    rank.settle();
    driver().cuStreamSynchronize(rank.stream);
    EXPECT_EQ(rank.poll(), ncclInvalidUsage);
    EXPECT_THAT(functions().ncclGetLastError(rank.comm), HasSubstr("AllReduce of 32"));
  });
}

TEST(NcclDouble, RefusesMemoryThatNoDeviceReaches) {
  on_two_ranks([](const Rank& rank) {
    float host[4] = {};
    EXPECT_EQ(functions().ncclAllReduce(host, host, 4, ncclFloat32, ncclSum, rank.comm, rank.stream), ncclInvalidArgument);
    EXPECT_EQ(functions().ncclAllReduce(rank.at(0), rank.at(0), 65, ncclFloat32, ncclSum, rank.comm, rank.stream), ncclInvalidArgument);
  });
}

TEST(NcclDouble, SendsAndReceivesOfAGroupGoTogether) {
  on_two_ranks([](const Rank& rank) {
    const Functions& nccl = functions();
    const int peer = 1 - rank.number;
    EXPECT_EQ(nccl.ncclGroupStart(), ncclSuccess);
    EXPECT_EQ(nccl.ncclSend(rank.at(32), 32, ncclFloat32, peer, rank.comm, rank.stream), ncclSuccess);
    EXPECT_EQ(nccl.ncclRecv(rank.at(0), 32, ncclFloat32, peer, rank.comm, rank.stream), ncclSuccess);
    EXPECT_EQ(nccl.ncclGroupEnd(), ncclInProgress);
    EXPECT_EQ(rank.settle(), ncclSuccess);
    EXPECT_EQ(rank.first(), static_cast<float>(peer + 1));
  });
}

TEST(NcclDouble, IsCapturedAndReplayed) {
  on_two_ranks([](const Rank& rank) {
    cuda::check(driver().cuStreamBeginCapture(rank.stream, cuda::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), "cuStreamBeginCapture");
    rank.all_reduce(64);
    EXPECT_EQ(rank.settle(), ncclSuccess);
    cuda::CUgraph graph = nullptr;
    cuda::CUgraphExec exec = nullptr;
    cuda::check(driver().cuStreamEndCapture(rank.stream, &graph), "cuStreamEndCapture");
    cuda::check(driver().cuGraphInstantiate(&exec, graph, 0), "cuGraphInstantiate");
    for (const float sum : {3.0f, 6.0f, 12.0f}) {
      cuda::check(driver().cuGraphLaunch(exec, rank.stream), "cuGraphLaunch");
      EXPECT_EQ(rank.first(), sum);
    }
  });
}

TEST(NcclDouble, TwoRanksOnOneDeviceOfAProcessAreRefused) {
  enter(0);
  ncclUniqueId id;
  ASSERT_EQ(functions().ncclGetUniqueId(&id), ncclSuccess);
  const Rank a{.comm = join(0, id)};
  const Rank b{.number = 1, .comm = join(1, id)};
  EXPECT_EQ(a.settle(), ncclInvalidUsage);
  EXPECT_THAT(functions().ncclGetLastError(a.comm), HasSubstr("on one GPU"));
  functions().ncclCommAbort(a.comm);
  functions().ncclCommAbort(b.comm);
}

}  // namespace
}  // namespace yoke::transport::nccl
