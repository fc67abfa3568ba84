#include "tests/kernels/cuda/emulated.h"

#include <gtest/gtest.h>

#include <map>

#include "kernels/cuda/images.h"
#include "tests/emulator/driver/image.h"

namespace yoke::kernels::cuda::testing {

OnDevice::OnDevice(emulator::AddressSpace& memory, const void* bytes, size_t size, bool writable) : memory_(memory) {
  if (size == 0) return;
  address_ = reinterpret_cast<uint64_t>(bytes) + emulator::kDeviceTag;
  memory_.add(address_, static_cast<std::byte*>(const_cast<void*>(bytes)), size, writable);
}

OnDevice::~OnDevice() {
  if (address_ != 0) memory_.remove(address_);
}

const emulator::Module& module_of(const std::string& image, int capability) {
  static std::map<std::pair<std::string, int>, std::unique_ptr<emulator::Module>> modules;
  auto& module = modules[{image, capability}];
  if (module != nullptr) return *module;
  for (const Image& i : images()) {
    if (i.name == image) module = emulator::Module::parse(emulator::ptx_of(i.fatbin.data(), capability));
  }
  if (module == nullptr) throw std::runtime_error("no image " + image);
  return *module;
}

void run_kernel(const std::string& image, const std::string& kernel, uint32_t grid, uint32_t shared_bytes,
                std::span<const std::byte> params, emulator::AddressSpace& memory, const emulator::Options& options,
                int capability) {
  const emulator::Function* function = module_of(image, capability).find(kernel);
  ASSERT_NE(function, nullptr) << kernel;
  ASSERT_TRUE(function->unknown_forms().empty()) << function->unknown_forms().front();
  ASSERT_EQ(function->param_bytes(), params.size());
  const emulator::Launch launch{
      .grid = {grid}, .block = {kLinearThreads}, .dynamic_shared = shared_bytes, .params = params};
  const auto fault = emulator::run(*function, launch, memory, options);
  ASSERT_FALSE(fault.has_value()) << fault->text;
}

void run_launch(const LinearLaunch& launch, emulator::AddressSpace& memory, const emulator::Options& options,
                int capability) {
  run_kernel(launch.image, launch.kernel, launch.grid, launch.shared_bytes, std::as_bytes(std::span(&launch.params, 1)),
             memory, options, capability);
}

std::vector<emulator::Options> all_options() {
  std::vector<emulator::Options> all;
  for (const bool late : {false, true}) {
    for (const bool reverse : {false, true})
      all.push_back({.late_copies = late, .reverse_warps = reverse, .race_check = late && reverse});
  }
  return all;
}

}  // namespace yoke::kernels::cuda::testing
