// What a self-test found: facts, not opinions. node/selftest/verdict.h judges them; docs/selftest.md is the JSON's schema.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/cuda/nvml.h"

namespace yoke::node::selftest {

struct DeviceFacts {
  std::string name = "cpu";   // "NVIDIA GB10"; "cpu" where kernels of the CPU were tested
  bool gpu = false;
  bool emulated = false;      // the double of tests/emulator: no rate means anything
  std::string no_gpu;         // why none was tested; empty with one
  int major = 0, minor = 0;   // compute capability
  int multiprocessors = 0;
  int cuda_version = 0;       // of the driver: 13000 is CUDA 13.0
  std::string driver;         // "580.95.05"; empty where NVML does not say
  std::string no_nvml;        // why NVML says nothing; empty where it does
  uint64_t memory_bytes = 0, free_bytes = 0;
  cuda::nvml::Reading idle;    // before the tests
  cuda::nvml::Reading loaded;  // while products ran; empty where none did
};

// One claim about the device. `worst` and `bound` are of the output that is closest to its bound: absolute differences. A bound of 0
// demands equal bits.
struct Check {
  std::string name;
  bool ok = false;
  double worst = 0, bound = 0;
  double milliseconds = 0;
  std::string note;  // what differs, or why it did not run
  bool ran = true;   // false: it could not run here, which is no failure
};

// A decode product of one rank of two: one row.
struct Bandwidth {
  std::string model, product;  // "llama-3.1-405b", "gate"
  int64_t outputs = 0, inputs = 0;
  std::string format, math;
  uint64_t bytes = 0;          // of weights
  double microseconds = 0, gb_per_s = 0;
  double share = 0;            // of the device's copy bandwidth
};

struct Collective {
  std::string operation, backend;  // "all_reduce", "ucx"; "join": a step's meeting on the device
  uint64_t bytes = 0;
  double microseconds = 0;         // median; of a join the mean
  double gb_per_s = 0;             // bytes that a rank sends, a second; 0 for small ones
  bool ok = true;
  bool ran = true;
  std::string note;
};

struct Remedy {
  std::string finding, remedy;
  bool fails = true;  // else the verdict stands and this is advice
};

struct Report {
  std::string version;  // yoke's
  DeviceFacts device;
  std::vector<Check> checks;
  double copy_gb_per_s = 0;  // read and written, together; 0: not measured
  std::vector<Bandwidth> bandwidth;
  std::string no_bandwidth;  // why none was measured
  std::vector<Collective> collectives;
  std::vector<Remedy> remedies;
  bool passed = false;
  double seconds = 0;
};

std::string to_json(const Report& report);  // docs/selftest.md
std::string to_text(const Report& report);  // a table for people

}  // namespace yoke::node::selftest
