#include "topology/gpus.h"

#include "core/cuda/context.h"
#include "core/cuda/nvml.h"

namespace yoke::topology {
namespace {

using namespace cuda;

Gpu describe(int ordinal) {
  const auto value = [&](CUdevice_attribute which) { return attribute(ordinal, which); };
  Gpu gpu{.ordinal = ordinal,
          .name = device_name(ordinal),
          .major = value(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
          .minor = value(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
          .multiprocessors = value(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
          .integrated = value(CU_DEVICE_ATTRIBUTE_INTEGRATED) != 0};
  size_t bytes = 0;
  check(driver().cuDeviceTotalMem(&bytes, device_at(ordinal)), "a GPU's memory");
  gpu.memory_bytes = bytes;
  char bus_id[32] = "";
  check(driver().cuDeviceGetPCIBusId(bus_id, sizeof bus_id, device_at(ordinal)), "a GPU's bus id");
  gpu.bus_id = bus_id;
  return gpu;
}

}  // namespace

GpuSurvey survey_gpus() {
  GpuSurvey survey{.unavailable = unavailable()};
  if (!survey.unavailable.empty()) return survey;
  check(driver().cuDriverGetVersion(&survey.cuda_version), "the driver's version");
  survey.driver_version = nvml::driver_version();
  int count = 0;
  check(driver().cuDeviceGetCount(&count), "counting GPUs");
  for (int ordinal = 0; ordinal < count; ++ordinal) survey.gpus.push_back(describe(ordinal));
  return survey;
}

}  // namespace yoke::topology
