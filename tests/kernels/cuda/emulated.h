// Launches of our kernels through the interpreter of PTX, without a driver.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/cuda/linear_launch.h"
#include "tests/emulator/ptx/emulator.h"

namespace yoke::kernels::cuda::testing {

// A host's bytes at their address on the emulated device, for as long as this lives. What lies around them may not be
// touched.
class OnDevice {
 public:
  OnDevice(emulator::AddressSpace& memory, const void* bytes, size_t size, bool writable);
  ~OnDevice();
  OnDevice(const OnDevice&) = delete;

 private:
  emulator::AddressSpace& memory_;
  uint64_t address_ = 0;  // 0: no bytes
};

template <typename T>
T* device(T* host) {
  return host == nullptr ? nullptr : reinterpret_cast<T*>(reinterpret_cast<uint64_t>(host) + emulator::kDeviceTag);
}

// The PTX of an image of this build, for sm_<capability>a. Parsed once.
const emulator::Module& module_of(const std::string& image, int capability);

// Of kLinearThreads threads a block. Fails the test on a fault.
void run_kernel(const std::string& image, const std::string& kernel, uint32_t grid, uint32_t shared_bytes,
                std::span<const std::byte> params, emulator::AddressSpace& memory, const emulator::Options& options,
                int capability = 121);
void run_launch(const LinearLaunch& launch, emulator::AddressSpace& memory, const emulator::Options& options,
                int capability = 121);

// {early, late} x {forward, reverse}, the last also with the race check.
std::vector<emulator::Options> all_options();

}  // namespace yoke::kernels::cuda::testing
