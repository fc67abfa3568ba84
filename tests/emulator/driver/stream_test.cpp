// Order within and between streams, events, capture and graphs.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/emulator/driver/fixture.h"

namespace yoke::cuda {
namespace {

class CudaDoubleStream : public testing::Test {
 protected:
  void SetUp() override { make_current(); }

  static void wait(void* flag) {
    while (!static_cast<std::atomic<bool>*>(flag)->load()) std::this_thread::yield();
  }

  CUresult hold(CUstream stream) { return driver().cuLaunchHostFunc(stream, wait, &open_); }

  std::atomic<bool> open_{false};
  CUstream a_ = nullptr;
  CUstream b_ = nullptr;

  void make_two() {
    a_ = make_stream();
    b_ = make_stream();
  }
};

TEST_F(CudaDoubleStream, GoesOnWhileTheCallerDoes) {
  const CUstream stream = make_stream();
  const CUevent event = make_event();
  EXPECT_EQ(driver().cuEventQuery(event), CUDA_SUCCESS) << "never recorded";
  EXPECT_EQ(hold(stream), CUDA_SUCCESS);
  EXPECT_EQ(driver().cuEventRecord(event, stream), CUDA_SUCCESS);
  EXPECT_EQ(driver().cuStreamQuery(stream), CUDA_ERROR_NOT_READY);
  EXPECT_EQ(driver().cuEventQuery(event), CUDA_ERROR_NOT_READY);
  open_ = true;
  EXPECT_EQ(driver().cuEventSynchronize(event), CUDA_SUCCESS);
  EXPECT_EQ(driver().cuStreamSynchronize(stream), CUDA_SUCCESS);
  EXPECT_EQ(driver().cuStreamQuery(stream), CUDA_SUCCESS);
  EXPECT_EQ(driver().cuStreamDestroy(stream), CUDA_SUCCESS);
  EXPECT_EQ(driver().cuStreamQuery(stream), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(CudaDoubleStream, WaitsForTheEventOfAnother) {
  make_two();
  const CUdeviceptr x = allocate(4);
  write<uint32_t>(x, {1}, a_);
  const CUevent event = make_event();
  EXPECT_EQ(hold(a_), CUDA_SUCCESS);
  check(driver().cuMemsetD32Async(x, 5, 1, a_), "cuMemsetD32Async");
  EXPECT_EQ(driver().cuEventRecord(event, a_), CUDA_SUCCESS);
  EXPECT_EQ(driver().cuStreamWaitEvent(b_, event, 0), CUDA_SUCCESS);
  EXPECT_EQ(Kernels().add(x, 1, 10, b_), CUDA_SUCCESS);
  EXPECT_EQ(driver().cuStreamQuery(b_), CUDA_ERROR_NOT_READY);
  open_ = true;
  EXPECT_EQ(read_back<uint32_t>(x, 1, b_)[0], 15u);
}

TEST_F(CudaDoubleStream, TimesEvents) {
  const CUstream stream = make_stream();
  const CUevent start = make_event(CU_EVENT_DEFAULT);
  const CUevent end = make_event(CU_EVENT_DEFAULT);
  float ms = 0;
  EXPECT_EQ(driver().cuEventElapsedTime(&ms, start, end), CUDA_ERROR_INVALID_HANDLE) << "not recorded";
  check(driver().cuEventRecord(start, stream), "cuEventRecord");
  EXPECT_EQ(hold(stream), CUDA_SUCCESS);
  check(driver().cuEventRecord(end, stream), "cuEventRecord");
  EXPECT_EQ(driver().cuEventElapsedTime(&ms, start, end), CUDA_ERROR_NOT_READY);
  open_ = true;
  check(driver().cuEventSynchronize(end), "cuEventSynchronize");
  EXPECT_EQ(driver().cuEventElapsedTime(&ms, start, end), CUDA_SUCCESS);
  EXPECT_GE(ms, 0.0f);
}

// Two streams that nothing orders: some seed shows each order, so a test that runs over seeds meets the bug.
TEST(CudaDouble, RunsStreamsOutOfPhaseByASeed) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the race that this test makes is what the sanitizer reports";
#endif
  for (const char* seed : {"1", "2", "3"}) {
    YOKE_IN_PROCESS(({{"YOKE_EMULATOR_SEED", seed}}), {
      make_current();
      const CUstream a = make_stream();
      const CUstream b = make_stream();
      const CUdeviceptr x = allocate(4);
      bool a_last = false;
      bool b_last = false;
      for (int round = 0; round < 2000 && !(a_last && b_last); ++round) {
        check(driver().cuMemsetD32Async(x, 1, 1, a), "cuMemsetD32Async");
        check(driver().cuMemsetD32Async(x, 2, 1, b), "cuMemsetD32Async");
        check(driver().cuCtxSynchronize(), "cuCtxSynchronize");
        const uint32_t last = read_back<uint32_t>(x, 1, a)[0];
        a_last = a_last || last == 1;
        b_last = b_last || last == 2;
      }
      EXPECT_TRUE(a_last && b_last);
    });
  }
}

TEST_F(CudaDoubleStream, ReplaysWhatWasCapturedWithForksAndJoins) {
  make_two();
  const Kernels kernels;
  void* pinned = nullptr;
  check(driver().cuMemHostAlloc(&pinned, 4, 0), "cuMemHostAlloc");
  auto* source = static_cast<uint32_t*>(pinned);
  const CUdeviceptr x = allocate(4);
  const CUdeviceptr y = allocate(4);
  const CUevent fork = make_event();
  const CUevent join = make_event();
  check(driver().cuStreamBeginCapture(a_, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), "cuStreamBeginCapture");
  check(driver().cuMemcpyHtoDAsync(x, source, 4, a_), "cuMemcpyHtoDAsync");
  check(driver().cuEventRecord(fork, a_), "cuEventRecord");
  check(driver().cuStreamWaitEvent(b_, fork, 0), "cuStreamWaitEvent");
  check(driver().cuMemcpyDtoDAsync(y, x, 4, b_), "cuMemcpyDtoDAsync");
  check(kernels.add(y, 1, 100, b_), "add");
  check(driver().cuEventRecord(join, b_), "cuEventRecord");
  CUstreamCaptureStatus status{};
  check(driver().cuStreamIsCapturing(b_, &status), "cuStreamIsCapturing");
  EXPECT_EQ(status, CU_STREAM_CAPTURE_STATUS_ACTIVE);
  check(driver().cuStreamWaitEvent(a_, join, 0), "cuStreamWaitEvent");
  check(driver().cuMemcpyDtoDAsync(x, y, 4, a_), "cuMemcpyDtoDAsync");
  CUgraph graph = nullptr;
  check(driver().cuStreamEndCapture(a_, &graph), "cuStreamEndCapture");

  size_t count = 0;
  check(driver().cuGraphGetNodes(graph, nullptr, &count), "cuGraphGetNodes");
  std::vector<CUgraphNode> nodes(count);
  check(driver().cuGraphGetNodes(graph, nodes.data(), &count), "cuGraphGetNodes");
  std::vector<CUgraphNodeType> types(count);
  for (size_t i = 0; i < count; ++i) check(driver().cuGraphNodeGetType(nodes[i], &types[i]), "cuGraphNodeGetType");
  EXPECT_THAT(types, testing::ElementsAre(CU_GRAPH_NODE_TYPE_MEMCPY, CU_GRAPH_NODE_TYPE_MEMCPY, CU_GRAPH_NODE_TYPE_KERNEL,
                                          CU_GRAPH_NODE_TYPE_MEMCPY));
  CUgraphExec exec = nullptr;
  check(driver().cuGraphInstantiate(&exec, graph, 0), "cuGraphInstantiate");
  EXPECT_EQ(driver().cuGraphDestroy(graph), CUDA_SUCCESS);
  EXPECT_EQ(read_back<uint32_t>(x, 1, a_)[0], 0xCDCDCDCD) << "capture runs nothing";
  for (const uint32_t value : {7u, 8u}) {  // the source is read when the graph runs
    *source = value;
    check(driver().cuGraphLaunch(exec, a_), "cuGraphLaunch");
    EXPECT_EQ(read_back<uint32_t>(x, 1, a_)[0], value + 100);
  }
  EXPECT_EQ(driver().cuGraphExecDestroy(exec), CUDA_SUCCESS);
  EXPECT_EQ(driver().cuGraphLaunch(exec, a_), CUDA_ERROR_INVALID_HANDLE);
}

// One branch waits for the other: they have to run at the same time.
TEST_F(CudaDoubleStream, RunsTheBranchesOfAGraphAtTheSameTime) {
  make_two();
  static std::atomic<bool> flag{false};
  flag = false;
  const CUevent fork = make_event();
  const CUevent join = make_event();
  check(driver().cuStreamBeginCapture(a_, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), "cuStreamBeginCapture");
  check(driver().cuEventRecord(fork, a_), "cuEventRecord");
  check(driver().cuStreamWaitEvent(b_, fork, 0), "cuStreamWaitEvent");
  check(driver().cuLaunchHostFunc(a_, wait, &flag), "cuLaunchHostFunc");
  check(driver().cuLaunchHostFunc(
            b_, [](void* opened) { static_cast<std::atomic<bool>*>(opened)->store(true); }, &flag),
        "cuLaunchHostFunc");
  check(driver().cuEventRecord(join, b_), "cuEventRecord");
  check(driver().cuStreamWaitEvent(a_, join, 0), "cuStreamWaitEvent");
  CUgraph graph = nullptr;
  CUgraphExec exec = nullptr;
  check(driver().cuStreamEndCapture(a_, &graph), "cuStreamEndCapture");
  check(driver().cuGraphInstantiate(&exec, graph, 0), "cuGraphInstantiate");
  check(driver().cuGraphLaunch(exec, a_), "cuGraphLaunch");
  EXPECT_EQ(driver().cuStreamSynchronize(a_), CUDA_SUCCESS);
  EXPECT_TRUE(flag);
}

TEST_F(CudaDoubleStream, RefusesWhatACaptureForbids) {
  make_two();
  CUgraph graph = nullptr;
  EXPECT_EQ(driver().cuStreamEndCapture(a_, &graph), CUDA_ERROR_ILLEGAL_STATE);
  check(driver().cuStreamBeginCapture(a_, CU_STREAM_CAPTURE_MODE_GLOBAL), "cuStreamBeginCapture");
  CUdeviceptr pointer = 0;
  EXPECT_EQ(driver().cuMemAlloc(&pointer, 4), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  EXPECT_EQ(driver().cuStreamEndCapture(a_, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);

  check(driver().cuStreamBeginCapture(a_, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), "cuStreamBeginCapture");
  std::thread([] {
    make_current();
    allocate(4);  // another thread's
  }).join();
  EXPECT_EQ(driver().cuStreamSynchronize(a_), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  EXPECT_EQ(driver().cuStreamEndCapture(a_, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);

  const CUevent fork = make_event();
  check(driver().cuStreamBeginCapture(a_, CU_STREAM_CAPTURE_MODE_RELAXED), "cuStreamBeginCapture");
  check(driver().cuEventRecord(fork, a_), "cuEventRecord");
  EXPECT_EQ(driver().cuEventQuery(fork), CUDA_ERROR_CAPTURED_EVENT);
  check(driver().cuStreamWaitEvent(b_, fork, 0), "cuStreamWaitEvent");
  check(driver().cuMemsetD32Async(allocate(4), 1, 1, b_), "cuMemsetD32Async");
  EXPECT_EQ(driver().cuStreamEndCapture(b_, &graph), CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
  EXPECT_EQ(driver().cuStreamEndCapture(a_, &graph), CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
}

}  // namespace
}  // namespace yoke::cuda
