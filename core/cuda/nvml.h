// NVIDIA's management library, for clocks, power and temperature in reports: nothing depends on it, and its absence is no error.
// Loaded from libnvidia-ml.so.1 when first asked for. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace yoke::cuda::nvml {

std::string unavailable();     // why there is none; empty where there is one
std::string driver_version();  // "580.95.05"; empty where NVML does not say

// What a device does now; a value that the device does not report (GB10 leaves out several) is empty.
struct Reading {
  std::optional<uint32_t> sm_mhz;
  std::optional<uint32_t> max_sm_mhz;
  std::optional<uint32_t> power_mw;
  std::optional<uint32_t> temperature_c;
  std::optional<uint64_t> throttle_reasons;  // bits; throttle_words() names them
};

// bus_id as cuDeviceGetPCIBusId gives it. Empty where NVML is unavailable or does not know the device.
Reading read(const std::string& bus_id);

// "power cap, thermal slowdown (hardware)"; "none" for 0. Idle is no throttling and stands as "idle".
std::string throttle_words(uint64_t reasons);

}  // namespace yoke::cuda::nvml
