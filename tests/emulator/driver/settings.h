// What the environment tells the double; read once, when the library is first called. README.md of tests/emulator lists the names.
#pragma once

#include <cstdint>
#include <string>

#include "tests/emulator/ptx/emulator.h"

namespace yoke::emulator {

struct Settings {
  bool allowed = false;   // YOKE_CUDA_EMULATOR=1: without it nothing initialises
  int devices = 1;        // YOKE_EMULATOR_DEVICES
  int capability = 121;   // YOKE_EMULATOR_CC=12.1|9.0|8.0, as major * 10 + minor
  uint64_t memory_bytes = uint64_t{8} << 30;  // YOKE_EMULATOR_MEMORY, of each device
  uint64_t seed = 0;      // YOKE_EMULATOR_SEED: streams pause before some of their work; 0: they do not
  bool vmm = true;        // YOKE_EMULATOR_WITHOUT=vmm,register,ats: what the devices lack
  bool host_register = true;
  bool ats = true;
  Options interpreter;    // YOKE_EMULATOR_OPTIONS=late,reverse,race,noise=SEED and YOKE_EMULATOR_THREADS
  std::string faults;     // YOKE_EMULATOR_FAULT, for Faults
  std::string mistake;    // an environment that is not understood: everything is refused with these words
};

const Settings& settings();

// Limits of the device that `capability` stands for (CUDA C++ programming guide, "Compute Capabilities").
struct Limits {
  int multiprocessors;
  int threads_per_multiprocessor;
  int blocks_per_multiprocessor;
  int shared_per_multiprocessor;
  int shared_per_block_optin;
  int clock_khz;
};
const Limits& limits();

inline constexpr int kSharedPerBlock = 48 * 1024;         // until cuFuncSetAttribute asks for more
inline constexpr int kReservedSharedPerBlock = 1024;      // the driver's own, on every block
inline constexpr int kThreadsPerBlock = 1024;

}  // namespace yoke::emulator
