// Devices, settings, limits, and what is refused before anything runs.
#include <gmock/gmock.h>

#include "core/cuda/nvml.h"
#include "core/error.h"
#include "tests/emulator/driver/fixture.h"

namespace yoke::cuda {
namespace {

using testing::HasSubstr;

int attribute(CUdevice_attribute which) {
  int value = -1;
  check(driver().cuDeviceGetAttribute(&value, which, 0), "cuDeviceGetAttribute");
  return value;
}

TEST(CudaDouble, IsCalledEmulatorAndIsAGb10) {
  EXPECT_EQ(unavailable(), "");
  char name[32] = {};
  EXPECT_EQ(driver().cuDeviceGetName(name, sizeof name, 0), CUDA_SUCCESS);
  EXPECT_STREQ(name, "emulator");
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR), 12);
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR), 1);
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT), 48);
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN), 99 * 1024);
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_SUPPORTED), 0);
  char bus[16] = {};
  EXPECT_EQ(driver().cuDeviceGetPCIBusId(bus, sizeof bus, 0), CUDA_SUCCESS);
  EXPECT_STREQ(bus, "0000:01:00.0");
  EXPECT_EQ(driver().cuDeviceGetName(name, 3, 0), CUDA_ERROR_INVALID_VALUE);
  CUdevice none = 0;
  EXPECT_EQ(driver().cuDeviceGet(&none, 1), CUDA_ERROR_INVALID_DEVICE);
}

TEST(CudaDouble, DoesNothingUnlessTheEnvironmentAllowsIt) {
  YOKE_IN_PROCESS(({{"YOKE_CUDA_EMULATOR", "0"}}), EXPECT_THAT(unavailable(), HasSubstr("YOKE_CUDA_EMULATOR=1")));
  YOKE_IN_PROCESS(({{"YOKE_CUDA_EMULATOR", "0"}}), EXPECT_THAT(nvml::unavailable(), HasSubstr("nvmlInit_v2 failed with 9")));
}

TEST(CudaDouble, IsWhatTheEnvironmentSays) {
  YOKE_IN_PROCESS(({{"YOKE_EMULATOR_CC", "9.0"}, {"YOKE_EMULATOR_DEVICES", "2"}, {"YOKE_EMULATOR_WITHOUT", "vmm,register,ats"}}), {
    int count = 0;
    EXPECT_EQ(driver().cuDeviceGetCount(&count), CUDA_SUCCESS);
    EXPECT_EQ(count, 2);
    EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR), 9);
    EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN), 227 * 1024);
    EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED), 0);
    EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED), 0);
    EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED), 0);
    EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS), 0);
  });
  YOKE_IN_PROCESS(({{"YOKE_EMULATOR_DEVICES", "0"}}), EXPECT_THAT(unavailable(), HasSubstr("no GPU")));
  YOKE_IN_PROCESS(({{"YOKE_EMULATOR_OPTIONS", "lat"}}), EXPECT_THAT(unavailable(), HasSubstr("YOKE_EMULATOR_OPTIONS=lat")));
}

TEST(CudaDouble, NeedsAContext) {
  CUdeviceptr pointer = 0;
  check(driver().cuCtxSetCurrent(nullptr), "cuCtxSetCurrent");
  EXPECT_EQ(driver().cuMemAlloc(&pointer, 4), CUDA_ERROR_INVALID_CONTEXT);
  const CUcontext context = make_current();
  CUcontext current = nullptr;
  EXPECT_EQ(driver().cuCtxGetCurrent(&current), CUDA_SUCCESS);
  EXPECT_EQ(current, context);
}

TEST(CudaDouble, FailsOnDemandAtTheCallThatWasNamed) {
  YOKE_IN_PROCESS(({{"YOKE_EMULATOR_FAULT", "cuMemAlloc:2:2,cuEventCreate:0:999"}}), {
    make_current();
    allocate(4);
    try {
      allocate(4);
      ADD_FAILURE() << "the second allocation was to fail";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::does_not_fit);
    }
    allocate(4);
    CUevent event = nullptr;
    EXPECT_EQ(driver().cuEventCreate(&event, 0), CUDA_ERROR_UNKNOWN);
    EXPECT_EQ(driver().cuEventCreate(&event, 0), CUDA_ERROR_UNKNOWN);
  });
}

TEST(CudaDouble, DiesOnDemand) {
  EXPECT_EXIT(
      {
        setenv("YOKE_EMULATOR_FAULT", "cuMemAlloc:1:die", 1);
        make_current();
        allocate(4);
      },
      testing::KilledBySignal(SIGKILL), "die");
}

TEST(CudaDouble, HangsOnDemand) {
  EXPECT_EXIT(
      {
        setenv("YOKE_EMULATOR_FAULT", "cuMemAlloc:1:hang", 1);
        make_current();
        alarm(1);
        allocate(4);
      },
      testing::KilledBySignal(SIGALRM), "hang");
}

TEST(NvmlDouble, ReportsTheEmulator) {
  EXPECT_EQ(nvml::unavailable(), "");
  EXPECT_EQ(nvml::driver_version(), "emulator");
  const nvml::Reading reading = nvml::read("0000:01:00.0");
  EXPECT_EQ(reading.sm_mhz, 1u);
  EXPECT_EQ(reading.max_sm_mhz, 2u);
  EXPECT_EQ(reading.power_mw, 3000u);
  EXPECT_EQ(reading.temperature_c, 21u);
  EXPECT_EQ(nvml::throttle_words(reading.throttle_reasons.value_or(0)), "idle");
}

}  // namespace
}  // namespace yoke::cuda
