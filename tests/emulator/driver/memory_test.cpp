#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>

#include <thread>

#include "tests/emulator/driver/fixture.h"
#include "tests/emulator/ptx/emulator.h"

namespace yoke::cuda {
namespace {

constexpr size_t kTwoMiB = size_t{2} << 20;

class CudaDoubleMemory : public testing::Test {
 protected:
  void SetUp() override {
    make_current();
    stream_ = make_stream();
  }
  void TearDown() override { driver().cuStreamDestroy(stream_); }

  CUstream stream_ = nullptr;
};

TEST_F(CudaDoubleMemory, IsFilledWithNoiseAndAwayFromHostAddresses) {
  const CUdeviceptr pointer = allocate(1000);
  EXPECT_NE(pointer & emulator::kDeviceTag, 0u);
  EXPECT_EQ(read_back<uint8_t>(pointer, 1000, stream_), std::vector<uint8_t>(1000, 0xCD));
#ifdef __x86_64__  // other machines may ignore an address's highest byte
  EXPECT_DEATH(*reinterpret_cast<volatile char*>(pointer) = 1, "");
#endif
  EXPECT_EQ(driver().cuMemFree(pointer), CUDA_SUCCESS);
  EXPECT_EQ(driver().cuMemFree(pointer), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(CudaDoubleMemory, RefusesCopiesThatLeaveIt) {
  const CUdeviceptr pointer = allocate(1000);
  std::vector<char> host(2000);
  EXPECT_EQ(driver().cuMemcpyHtoDAsync(pointer, host.data(), 1001, stream_), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver().cuMemcpyHtoDAsync(pointer + 500, host.data(), 501, stream_), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver().cuMemcpyHtoDAsync(pointer - 1, host.data(), 1, stream_), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver().cuMemcpyDtoHAsync(reinterpret_cast<void*>(pointer), pointer, 4, stream_), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver().cuMemsetD32Async(pointer + 2, 0, 1, stream_), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver().cuMemcpyHtoDAsync(pointer, host.data(), 1000, stream_), CUDA_SUCCESS);
  EXPECT_EQ(driver().cuMemcpyHtoDAsync(pointer, host.data(), 4, nullptr), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(driver().cuStreamSynchronize(stream_), CUDA_SUCCESS);
}

TEST_F(CudaDoubleMemory, CopiesAndSets) {
  const CUdeviceptr a = allocate(16);
  const CUdeviceptr b = allocate(16);
  write<uint32_t>(a, {1, 2, 3, 4}, stream_);
  check(driver().cuMemcpyDtoDAsync(b, a, 16, stream_), "cuMemcpyDtoDAsync");
  check(driver().cuMemsetD32Async(b + 4, 77, 1, stream_), "cuMemsetD32Async");
  check(driver().cuMemsetD8Async(b + 12, 0xFF, 4, stream_), "cuMemsetD8Async");
  EXPECT_EQ(read_back<uint32_t>(b, 4, stream_), (std::vector<uint32_t>{1, 77, 3, 0xFFFFFFFF}));
}

// The bug that it must show: the source of a copy is used again before the copy has run.
TEST_F(CudaDoubleMemory, CopiesPageableMemoryLate) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the race that this test makes is what the sanitizer reports";
#endif
  const CUdeviceptr pointer = allocate(4);
  uint32_t value = 1;
  check(driver().cuMemcpyHtoDAsync(pointer, &value, 4, stream_), "cuMemcpyHtoDAsync");
  value = 2;
  check(driver().cuStreamSynchronize(stream_), "cuStreamSynchronize");
  EXPECT_EQ(read_back<uint32_t>(pointer, 1, stream_)[0], 2u);
}

TEST(CudaDouble, HasAnEndOfMemory) {
  YOKE_IN_PROCESS(({{"YOKE_EMULATOR_MEMORY", "4194304"}}), {
    make_current();
    const CUdeviceptr first = allocate(3 << 20);
    size_t free = 0;
    size_t total = 0;
    EXPECT_EQ(driver().cuMemGetInfo(&free, &total), CUDA_SUCCESS);
    EXPECT_EQ(free, size_t{1} << 20);
    EXPECT_EQ(total, size_t{4} << 20);
    CUdeviceptr second = 0;
    EXPECT_EQ(driver().cuMemAlloc(&second, 2 << 20), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(driver().cuMemFree(first), CUDA_SUCCESS);
    EXPECT_EQ(driver().cuMemAlloc(&second, 2 << 20), CUDA_SUCCESS);
  });
}

TEST_F(CudaDoubleMemory, PinnedMemoryHasOneAddress) {
  void* host = nullptr;
  check(driver().cuMemHostAlloc(&host, 64, kMemHostAllocPortable), "cuMemHostAlloc");
  CUdeviceptr pointer = 0;
  EXPECT_EQ(driver().cuMemHostGetDevicePointer(&pointer, host, 0), CUDA_SUCCESS);
  EXPECT_EQ(pointer, reinterpret_cast<CUdeviceptr>(host));
  std::memset(host, 0, 64);
  const Kernels kernels;
  EXPECT_EQ(kernels.add(pointer, 16, 5, stream_), CUDA_SUCCESS);
  check(driver().cuStreamSynchronize(stream_), "cuStreamSynchronize");
  EXPECT_EQ(static_cast<uint32_t*>(host)[15], 5u);
  unsigned type = 0;
  EXPECT_EQ(driver().cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, pointer), CUDA_SUCCESS);
  EXPECT_EQ(type, CU_MEMORYTYPE_HOST);
  EXPECT_EQ(driver().cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, 4096), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver().cuMemFreeHost(host), CUDA_SUCCESS);
}

void* map_memfd(size_t bytes) {
  const int fd = memfd_create("pool", MFD_CLOEXEC);
  if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) return nullptr;
  void* host = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return host;
}

TEST_F(CudaDoubleMemory, RegistersAMemfd) {
  void* host = map_memfd(8192);
  EXPECT_EQ(driver().cuMemHostRegister(host, 8192, kMemHostRegisterPortable), CUDA_SUCCESS);
  EXPECT_EQ(driver().cuMemHostRegister(host, 4096, 0), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  const Kernels kernels;
  EXPECT_EQ(kernels.add(reinterpret_cast<CUdeviceptr>(host), 4, 3, stream_), CUDA_SUCCESS);
  check(driver().cuStreamSynchronize(stream_), "cuStreamSynchronize");
  EXPECT_EQ(static_cast<uint32_t*>(host)[3], 3u);
  EXPECT_EQ(driver().cuMemHostUnregister(host), CUDA_SUCCESS);
  EXPECT_EQ(driver().cuMemHostUnregister(host), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
  munmap(host, 8192);
  EXPECT_EQ(driver().cuMemHostRegister(host, 8192, 0), CUDA_ERROR_INVALID_VALUE);
}

TEST(CudaDouble, RegistersNothingWithoutRegister) {
  YOKE_IN_PROCESS(({{"YOKE_EMULATOR_WITHOUT", "register"}}), {
    make_current();
    EXPECT_EQ(driver().cuMemHostRegister(map_memfd(8192), 8192, 0), CUDA_ERROR_NOT_SUPPORTED);
  });
}

TEST_F(CudaDoubleMemory, ReadsAMemfdInPlace) {
  void* host = map_memfd(4096);
  const Kernels kernels;
  EXPECT_EQ(kernels.add(reinterpret_cast<CUdeviceptr>(host), 4, 9, stream_), CUDA_SUCCESS);
  EXPECT_EQ(driver().cuStreamSynchronize(stream_), CUDA_SUCCESS);
  EXPECT_EQ(static_cast<uint32_t*>(host)[0], 9u);
}

TEST(CudaDouble, ReadsNoMemfdInPlaceWithoutAts) {
  YOKE_IN_PROCESS(({{"YOKE_EMULATOR_WITHOUT", "ats"}}), {
    make_current();
    const CUstream stream = make_stream();
    EXPECT_EQ(Kernels().add(reinterpret_cast<CUdeviceptr>(map_memfd(4096)), 4, 9, stream), CUDA_SUCCESS);
    EXPECT_EQ(driver().cuStreamSynchronize(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
  });
}

// Memory by handle, mapped: what a pool does.
struct Mapped {
  CUdeviceptr pointer = 0;
  CUmemGenericAllocationHandle handle = 0;
};

Mapped map(CUmemGenericAllocationHandle handle) {
  Mapped mapped{.handle = handle};
  check(driver().cuMemAddressReserve(&mapped.pointer, kTwoMiB, 0, 0, 0), "cuMemAddressReserve");
  check(driver().cuMemMap(mapped.pointer, kTwoMiB, 0, handle, 0), "cuMemMap");
  const CUmemAccessDesc access{{CU_MEM_LOCATION_TYPE_DEVICE, 0}, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
  check(driver().cuMemSetAccess(mapped.pointer, kTwoMiB, &access, 1), "cuMemSetAccess");
  return mapped;
}

CUmemAllocationProp shareable() {
  CUmemAllocationProp prop{};
  prop.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  prop.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  prop.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
  return prop;
}

Mapped create() {
  const CUmemAllocationProp prop = shareable();
  size_t granularity = 0;
  check(driver().cuMemGetAllocationGranularity(&granularity, &prop, CU_MEM_ALLOC_GRANULARITY_MINIMUM), "granularity");
  EXPECT_EQ(granularity, kTwoMiB);
  CUmemGenericAllocationHandle handle = 0;
  check(driver().cuMemCreate(&handle, kTwoMiB, &prop, 0), "cuMemCreate");
  return map(handle);
}

TEST_F(CudaDoubleMemory, ByHandleIsMappedAndGivenBack) {
  size_t before = 0;
  size_t total = 0;
  check(driver().cuMemGetInfo(&before, &total), "cuMemGetInfo");
  const Mapped mapped = create();
  EXPECT_EQ(driver().cuMemRelease(mapped.handle), CUDA_SUCCESS);
  EXPECT_EQ(driver().cuMemRelease(mapped.handle), CUDA_ERROR_INVALID_HANDLE);
  write<uint32_t>(mapped.pointer, {1, 2}, stream_);
  EXPECT_EQ(read_back<uint32_t>(mapped.pointer, 2, stream_), (std::vector<uint32_t>{1, 2}));
  EXPECT_EQ(driver().cuMemAddressFree(mapped.pointer, kTwoMiB), CUDA_ERROR_INVALID_VALUE) << "it is still mapped";
  EXPECT_EQ(driver().cuMemUnmap(mapped.pointer, kTwoMiB), CUDA_SUCCESS);
  EXPECT_EQ(driver().cuMemAddressFree(mapped.pointer, kTwoMiB), CUDA_SUCCESS);
  uint32_t value = 0;
  EXPECT_EQ(driver().cuMemcpyDtoHAsync(&value, mapped.pointer, 4, stream_), CUDA_ERROR_INVALID_VALUE);
  size_t after = 0;
  check(driver().cuMemGetInfo(&after, &total), "cuMemGetInfo");
  EXPECT_EQ(after, before);
}

TEST_F(CudaDoubleMemory, ByHandleIsRefusedWhereTheCallIsWrong) {
  CUmemAllocationProp prop = shareable();
  CUmemGenericAllocationHandle handle = 0;
  EXPECT_EQ(driver().cuMemCreate(&handle, 4096, &prop, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver().cuMemCreate(&handle, size_t{1} << 40, &prop, 0), CUDA_ERROR_OUT_OF_MEMORY);
  prop.allocFlags.gpuDirectRDMACapable = 1;
  EXPECT_EQ(driver().cuMemCreate(&handle, kTwoMiB, &prop, 0), CUDA_ERROR_NOT_SUPPORTED);
  const int other = memfd_create("other", MFD_CLOEXEC);
  EXPECT_EQ(driver().cuMemImportFromShareableHandle(&handle, reinterpret_cast<void*>(static_cast<intptr_t>(other)),
                                                    CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR),
            CUDA_ERROR_INVALID_VALUE);
  close(other);
}

TEST_F(CudaDoubleMemory, ByHandleIsSharedWithAnotherProcess) {
  const Mapped mapped = create();
  write<uint32_t>(mapped.pointer, {40, 41}, stream_);
  int fd = -1;
  check(driver().cuMemExportToShareableHandle(&fd, mapped.handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0), "export");
  const int inherited = dup(fd);  // without close-on-exec: the other process is this program, started again
  // The other process imports what this one exported. In that process the lines above have made a mapping of its own first.
  const char* known = std::getenv("YOKE_TEST_FD");
  const int shared = known ? std::atoi(known) : inherited;
  setenv("YOKE_TEST_FD", std::to_string(shared).c_str(), 1);
  YOKE_IN_PROCESS(({}), {
    make_current();
    CUmemGenericAllocationHandle handle = 0;
    check(driver().cuMemImportFromShareableHandle(&handle, reinterpret_cast<void*>(static_cast<intptr_t>(shared)),
                                                  CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR),
          "import");
    const Mapped theirs = map(handle);
    const CUstream stream = make_stream();
    EXPECT_EQ(read_back<uint32_t>(theirs.pointer, 2, stream), (std::vector<uint32_t>{40, 41}));
    EXPECT_EQ(Kernels().add(theirs.pointer, 2, 100, stream), CUDA_SUCCESS);
    check(driver().cuStreamSynchronize(stream), "cuStreamSynchronize");
  });
  EXPECT_EQ(read_back<uint32_t>(mapped.pointer, 2, stream_), (std::vector<uint32_t>{140, 141}));
  unsetenv("YOKE_TEST_FD");
  close(fd);
  close(inherited);
}

}  // namespace
}  // namespace yoke::cuda
