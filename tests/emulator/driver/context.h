// The devices of this process, their primary contexts, and what the calling thread has current. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "tests/emulator/driver/failure.h"
#include "tests/emulator/ptx/emulator.h"

namespace yoke::emulator {

struct Device {
  int ordinal = 0;
  AddressSpace memory;               // what its kernels may touch
  std::atomic<uint64_t> used{0};     // bytes
  std::atomic<int> retained{0};      // of its primary context
  std::atomic<unsigned> sticky{0};   // a CUresult that every call returns from now on; 0: none

  // The first failure stays.
  void fail(const std::string& where, const Failure& failure);
};

void start_devices();  // cuInit
int device_count();    // 0 before it
Device& device(int ordinal);       // Failure{CUDA_ERROR_INVALID_DEVICE}
Device& current_device();          // of the calling thread; Failure{CUDA_ERROR_INVALID_CONTEXT}
CUcontext context_of(Device& device);
void set_current(CUcontext context);  // nullptr: none. Failure{CUDA_ERROR_INVALID_CONTEXT}
CUcontext current_context();          // nullptr: none

}  // namespace yoke::emulator
