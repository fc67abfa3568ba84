// Which GPUs this node has, and whether the CUDA driver can be used. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace yoke::topology {

struct Gpu {
  int ordinal = 0;
  std::string name;               // "NVIDIA GB10"
  int major = 0, minor = 0;       // compute capability
  int multiprocessors = 0;
  uint64_t memory_bytes = 0;      // the system's where `integrated`
  bool integrated = false;        // one memory with the host
  std::string bus_id;
};

struct GpuSurvey {
  std::string unavailable;        // why no GPU can be used, with the remedy; empty where one can
  int cuda_version = 0;           // the driver's: 13000 is 13.0
  std::string driver_version;     // "580.95.05"; empty where NVML does not say
  std::vector<Gpu> gpus;
};

GpuSurvey survey_gpus();  // Error{internal} with the driver's words if it fails midway

}  // namespace yoke::topology
