// Images, launches and their limits, faults of kernels.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/emulator/driver/fixture.h"

namespace yoke::cuda {
namespace {

using testing::HasSubstr;

class CudaDoubleKernel : public testing::Test {
 protected:
  void SetUp() override {
    make_current();
    stream_ = make_stream();
  }

  CUstream stream_ = nullptr;
};

std::string last_words(CUresult result) {
  const char* text = nullptr;
  driver().cuGetErrorString(result, &text);
  return text ? text : "";
}

TEST_F(CudaDoubleKernel, Runs) {
  const Kernels kernels;
  const CUdeviceptr x = allocate(100 * 4);
  check(driver().cuMemsetD32Async(x, 1, 100, stream_), "cuMemsetD32Async");
  EXPECT_EQ(kernels.add(x, 100, 2, stream_), CUDA_SUCCESS);
  EXPECT_EQ(read_back<uint32_t>(x, 100, stream_), std::vector<uint32_t>(100, 3));
}

TEST_F(CudaDoubleKernel, HasVariables) {
  const Kernels kernels;
  CUdeviceptr pointer = 0;
  size_t bytes = 0;
  EXPECT_EQ(driver().cuModuleGetGlobal(&pointer, &bytes, kernels.module(), "counter"), CUDA_SUCCESS);
  EXPECT_EQ(bytes, 4u);
  EXPECT_EQ(read_back<uint32_t>(pointer, 1, stream_)[0], 7u);
  EXPECT_EQ(driver().cuModuleGetGlobal(&pointer, &bytes, kernels.module(), "none"), CUDA_ERROR_NOT_FOUND);
  EXPECT_EQ(driver().cuModuleUnload(kernels.module()), CUDA_SUCCESS);
}

TEST_F(CudaDoubleKernel, StaysWithinTheDevicesLimits) {
  const Kernels kernels;
  const CUfunction narrow = kernels.find("narrow");
  EXPECT_EQ(Kernels::launch(narrow, stream_, {}, 1, 64), CUDA_SUCCESS);
  EXPECT_EQ(Kernels::launch(narrow, stream_, {}, 1, 65), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(Kernels::launch(narrow, stream_, {}, 0, 64), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(Kernels::launch(narrow, stream_, {}, 1, 64, 48 * 1024), CUDA_SUCCESS);
  EXPECT_EQ(Kernels::launch(narrow, stream_, {}, 1, 64, 48 * 1024 + 1), CUDA_ERROR_INVALID_VALUE);
  const auto set = [&](int bytes) { return driver().cuFuncSetAttribute(narrow, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes); };
  EXPECT_EQ(set(99 * 1024 + 1), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(set(99 * 1024), CUDA_SUCCESS);
  EXPECT_EQ(Kernels::launch(narrow, stream_, {}, 1, 64, 99 * 1024), CUDA_SUCCESS);
  int blocks = 0;
  EXPECT_EQ(driver().cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, narrow, 64, 99 * 1024), CUDA_SUCCESS);
  EXPECT_EQ(blocks, 1);
  EXPECT_EQ(Kernels::launch(narrow, stream_, {}, 48, 64, 99 * 1024, true), CUDA_SUCCESS);
  EXPECT_EQ(Kernels::launch(narrow, stream_, {}, 49, 64, 99 * 1024, true), CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
  EXPECT_EQ(driver().cuStreamSynchronize(stream_), CUDA_SUCCESS);
}

TEST_F(CudaDoubleKernel, WaitsForAFlagThatTheHostSets) {
  const Kernels kernels;
  void* host = nullptr;
  check(driver().cuMemHostAlloc(&host, 4, 0), "cuMemHostAlloc");
  std::atomic_ref<uint32_t> flag(*static_cast<uint32_t*>(host));
  flag = 0;
  EXPECT_EQ(Kernels::launch(kernels.find("wait_for"), stream_, {&host}), CUDA_SUCCESS);
  EXPECT_EQ(driver().cuStreamQuery(stream_), CUDA_ERROR_NOT_READY);
  flag = 1;
  EXPECT_EQ(driver().cuStreamSynchronize(stream_), CUDA_SUCCESS);
}

TEST(CudaDouble, AFaultIsStickyAndSaysWhere) {
  YOKE_IN_PROCESS(({}), {
    make_current();
    const CUstream stream = make_stream();
    const CUdeviceptr x = allocate(8);
    EXPECT_EQ(Kernels().add(x, 3, 1, stream), CUDA_SUCCESS);
    EXPECT_EQ(driver().cuStreamSynchronize(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
    EXPECT_THAT(last_words(CUDA_ERROR_ILLEGAL_ADDRESS), HasSubstr("add"));
    EXPECT_THAT(last_words(CUDA_ERROR_ILLEGAL_ADDRESS), HasSubstr("ld.global.u32"));
    CUdeviceptr y = 0;
    EXPECT_EQ(driver().cuMemAlloc(&y, 4), CUDA_ERROR_ILLEGAL_ADDRESS);
    EXPECT_EQ(driver().cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
  });
}

TEST(CudaDouble, FailsOrHangsOnDemandWhenItRuns) {
  YOKE_IN_PROCESS(({{"YOKE_EMULATOR_FAULT", "kernel:2:719"}}), {
    make_current();
    const CUstream stream = make_stream();
    const Kernels kernels;
    const CUdeviceptr x = allocate(4);
    EXPECT_EQ(kernels.add(x, 1, 1, stream), CUDA_SUCCESS);
    EXPECT_EQ(driver().cuStreamSynchronize(stream), CUDA_SUCCESS);
    EXPECT_EQ(kernels.add(x, 1, 1, stream), CUDA_SUCCESS);
    EXPECT_EQ(driver().cuStreamSynchronize(stream), CUDA_ERROR_LAUNCH_FAILED);
  });
  YOKE_IN_PROCESS(({{"YOKE_EMULATOR_FAULT", "kernel:1:hang"}}), {
    make_current();
    const CUstream stream = make_stream();
    EXPECT_EQ(Kernels().add(allocate(4), 1, 1, stream), CUDA_SUCCESS);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(driver().cuStreamQuery(stream), CUDA_ERROR_NOT_READY);
  });
}

TEST_F(CudaDoubleKernel, AFormThatIsNotKnownFailsTheLaunch) {
  constexpr char kUnknown[] =
      ".version 9.0\n.target sm_90\n.address_size 64\n.visible .entry odd() {\n  tcgen05.fence::before_thread_sync;\n  "
      "ret;\n}\n";
  CUmodule module = nullptr;
  CUfunction odd = nullptr;
  ASSERT_EQ(driver().cuModuleLoadData(&module, kUnknown), CUDA_SUCCESS);
  ASSERT_EQ(driver().cuModuleGetFunction(&odd, module, "odd"), CUDA_SUCCESS);
  EXPECT_EQ(Kernels::launch(odd, stream_, {}), CUDA_ERROR_NOT_SUPPORTED);
  EXPECT_THAT(last_words(CUDA_ERROR_NOT_SUPPORTED), HasSubstr("tcgen05"));
}

// A fatbin as nvcc writes it: a header, and an entry each with a header of its own.
std::string entry(uint16_t kind, uint32_t architecture, std::string contents, uint32_t compressed = 0) {
  contents.resize((contents.size() + 8) / 8 * 8);
  std::string header(64, '\0');
  const auto put = [&](size_t at, auto value) { std::memcpy(header.data() + at, &value, sizeof value); };
  put(0, kind);
  put(4, uint32_t{64});
  put(8, uint64_t{contents.size()});
  put(16, compressed);
  put(28, architecture);
  return header + contents;
}

std::string fatbin(const std::string& entries) {
  std::string header(16, '\0');
  const auto put = [&](size_t at, auto value) { std::memcpy(header.data() + at, &value, sizeof value); };
  put(0, uint32_t{0xBA55ED50});
  put(4, uint16_t{1});
  put(6, uint16_t{16});
  put(8, uint64_t{entries.size()});
  return header + entries;
}

std::string ptx(const std::string& target, const std::string& kernel) {
  return ".version 9.0\n.target " + target + "\n.address_size 64\n.visible .entry " + kernel + "() { ret; }\n";
}

std::string both_architectures() {
  return entry(2, 121, "\x7f" "ELF") + entry(1, 121, ptx("sm_121a", "gb10")) + entry(1, 90, ptx("sm_90a", "hopper"));
}

CUresult load(const std::string& image, const char* kernel) {
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  const CUresult result = driver().cuModuleLoadData(&module, image.data());
  return result == CUDA_SUCCESS ? driver().cuModuleGetFunction(&function, module, kernel) : result;
}

TEST_F(CudaDoubleKernel, TakesThePtxOfItsArchitectureFromAFatbin) {
  const std::string both = both_architectures();
  EXPECT_EQ(load(fatbin(both), "gb10"), CUDA_SUCCESS);
  EXPECT_EQ(load(fatbin(both), "hopper"), CUDA_ERROR_NOT_FOUND);
  EXPECT_EQ(load(fatbin(entry(1, 90, ptx("sm_90a", "hopper"))), "hopper"), CUDA_ERROR_NO_BINARY_FOR_GPU);
  EXPECT_THAT(last_words(CUDA_ERROR_NO_BINARY_FOR_GPU), HasSubstr("sm_90a"));
  EXPECT_EQ(load(fatbin(entry(1, 121, ptx("sm_121a", "gb10"), 77)), "gb10"), CUDA_ERROR_NO_BINARY_FOR_GPU);
  EXPECT_THAT(last_words(CUDA_ERROR_NO_BINARY_FOR_GPU), HasSubstr("--compress-mode=none"));
  EXPECT_EQ(load("\x7f" "ELF", "gb10"), CUDA_ERROR_NO_BINARY_FOR_GPU);
  EXPECT_EQ(load("nonsense", "gb10"), CUDA_ERROR_INVALID_IMAGE);
  EXPECT_EQ(load(".version 9.0\n.target sm_90\n.visible .entry broken( {", "broken"), CUDA_ERROR_INVALID_PTX);
}

TEST(CudaDouble, TakesThePtxOfHopperWhereItIsOne) {
  YOKE_IN_PROCESS(({{"YOKE_EMULATOR_CC", "9.0"}}), {
    make_current();
    EXPECT_EQ(load(fatbin(both_architectures()), "hopper"), CUDA_SUCCESS);
  });
}

TEST(CudaDouble, DevicesDoNotReachEachOthersMemory) {
  YOKE_IN_PROCESS(({{"YOKE_EMULATOR_DEVICES", "2"}}), {
    make_current(0);
    const CUdeviceptr x = allocate(4);
    const Kernels of_zero;
    make_current(1);
    const CUstream stream = make_stream();
    EXPECT_EQ(driver().cuMemsetD32Async(x, 1, 1, stream), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(of_zero.add(x, 1, 1, stream), CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(Kernels().add(x, 1, 1, stream), CUDA_SUCCESS);
    EXPECT_EQ(driver().cuStreamSynchronize(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
    make_current(0);
    EXPECT_EQ(driver().cuCtxSynchronize(), CUDA_SUCCESS) << "the fault is the other device's";
  });
}

}  // namespace
}  // namespace yoke::cuda
