// libnvidia-ml.so.1 for tests: what core/cuda/nvml.cpp asks for, with numbers that no GPU has. Only with YOKE_CUDA_EMULATOR=1.
#include <cstdlib>
#include <cstring>

namespace {

constexpr int kSuccess = 0;
constexpr int kInvalidArgument = 2;
constexpr int kNotFound = 6;
constexpr int kDriverNotLoaded = 9;

// A handle is the device's number on the emulated bus, from 1: "0000:01:00.0".
void* handle_of(const char* bus_id) {
  const char* colon = std::strchr(bus_id, ':');
  return reinterpret_cast<void*>(colon ? std::strtoul(colon + 1, nullptr, 16) : 0);
}

template <typename Value>
int put(Value* to, Value value) {
  if (!to) return kInvalidArgument;
  *to = value;
  return kSuccess;
}

}  // namespace

#define YOKE_NVML extern "C" __attribute__((visibility("default")))

YOKE_NVML int nvmlInit_v2() {
  const char* allowed = std::getenv("YOKE_CUDA_EMULATOR");
  return allowed && std::strcmp(allowed, "1") == 0 ? kSuccess : kDriverNotLoaded;
}

YOKE_NVML int nvmlSystemGetDriverVersion(char* text, unsigned length) {
  static constexpr char kVersion[] = "emulator";
  if (length < sizeof kVersion) return kInvalidArgument;
  std::memcpy(text, kVersion, sizeof kVersion);
  return kSuccess;
}

YOKE_NVML int nvmlDeviceGetHandleByPciBusId_v2(const char* bus_id, void** device) {
  void* handle = handle_of(bus_id);
  return handle ? put(device, handle) : kNotFound;
}

YOKE_NVML int nvmlDeviceGetClockInfo(void*, unsigned, unsigned* mhz) { return put(mhz, 1u); }
YOKE_NVML int nvmlDeviceGetMaxClockInfo(void*, unsigned, unsigned* mhz) { return put(mhz, 2u); }
YOKE_NVML int nvmlDeviceGetPowerUsage(void*, unsigned* milliwatts) { return put(milliwatts, 3000u); }
YOKE_NVML int nvmlDeviceGetTemperature(void*, unsigned, unsigned* celsius) { return put(celsius, 21u); }
YOKE_NVML int nvmlDeviceGetCurrentClocksEventReasons(void*, unsigned long long* reasons) { return put(reasons, 1ull); }
