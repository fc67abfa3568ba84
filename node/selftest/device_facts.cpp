#include "node/selftest/device_facts.h"

#include "core/cuda/context.h"

namespace yoke::node::selftest {

using namespace yoke::cuda;

cuda::nvml::Reading reading_of(int gpu) {
  char bus_id[32] = {};
  check(driver().cuDeviceGetPCIBusId(bus_id, sizeof bus_id, device_at(gpu)), "the PCI address of a GPU");
  return nvml::read(bus_id);
}

DeviceFacts gpu_facts(int gpu) {
  DeviceFacts facts{.name = device_name(gpu), .gpu = true};
  facts.emulated = facts.name.find("emulator") != std::string::npos;
  facts.major = attribute(gpu, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  facts.minor = attribute(gpu, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  facts.multiprocessors = attribute(gpu, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  check(driver().cuDriverGetVersion(&facts.cuda_version), "the driver's version");
  facts.driver = nvml::driver_version();
  facts.no_nvml = nvml::unavailable();
  const Context context(gpu);
  size_t free = 0, total = 0;
  check(driver().cuMemGetInfo(&free, &total), "the memory of a GPU");
  facts.memory_bytes = total;
  facts.free_bytes = free;
  facts.idle = reading_of(gpu);
  return facts;
}

}  // namespace yoke::node::selftest
