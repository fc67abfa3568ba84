#include "tests/emulator/driver/kernel.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <vector>

#include "tests/emulator/driver/graph.h"
#include "tests/emulator/driver/image.h"
#include "tests/emulator/driver/memory.h"
#include "tests/emulator/driver/settings.h"

namespace yoke::emulator {
namespace {

constexpr uint64_t kWarp = 32;

std::string shape(const Dim3& d) { return std::to_string(d.x) + "x" + std::to_string(d.y) + "x" + std::to_string(d.z); }

struct Shape {
  Dim3 grid, block;
  bool cooperative = false;

  uint64_t blocks() const { return uint64_t{grid.x} * grid.y * grid.z; }
  uint64_t threads() const { return uint64_t{block.x} * block.y * block.z; }
};

bool cooperative(const CUlaunchConfig& config) {
  bool found = false;
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const CUlaunchAttribute& attribute = config.attrs[i];
    switch (attribute.id) {
      case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
        found = attribute.value.cooperative != 0;
        break;
      case CU_LAUNCH_ATTRIBUTE_IGNORE:
      case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION:  // here one kernel ends before the next begins anyhow
        break;
      default:
        throw Failure{CUDA_ERROR_NOT_SUPPORTED, "launch attribute " + std::to_string(attribute.id) + " is not known to the emulator"};
    }
  }
  return found;
}

void check(const Shape& s, const CUlaunchConfig& config, const Kernel& kernel) {
  const std::string name = kernel.function->name() + ": ";
  const auto refuse = [&](CUresult code, const std::string& why) { throw Failure{code, name + why}; };
  if (s.blocks() == 0 || s.grid.x > 0x7FFFFFFF || s.grid.y > 65535 || s.grid.z > 65535) {
    refuse(CUDA_ERROR_INVALID_VALUE, "grid " + shape(s.grid) + " is not within 2147483647x65535x65535");
  }
  if (s.threads() == 0 || s.block.x > 1024 || s.block.y > 1024 || s.block.z > 64 || s.threads() > kThreadsPerBlock) {
    refuse(CUDA_ERROR_INVALID_VALUE, "block " + shape(s.block) + " is not within 1024x1024x64 and 1024 threads");
  }
  if (s.threads() > kernel.function->max_threads()) {
    refuse(CUDA_ERROR_INVALID_VALUE, std::to_string(s.threads()) + " threads, and .maxntid says " +
                                         std::to_string(kernel.function->max_threads()));
  }
  if (config.sharedMemBytes > static_cast<unsigned>(kernel.dynamic_shared_limit)) {
    refuse(CUDA_ERROR_INVALID_VALUE, std::to_string(config.sharedMemBytes) + " bytes of dynamic shared memory, and the function has " +
                                         std::to_string(kernel.dynamic_shared_limit) + " (cuFuncSetAttribute raises it)");
  }
  if (!kernel.function->unknown_forms().empty()) refuse(CUDA_ERROR_NOT_SUPPORTED, kernel.function->unknown_forms().front());
  const int resident = kernel.resident_blocks(static_cast<int>(s.threads()), config.sharedMemBytes);
  if (s.cooperative && s.blocks() > static_cast<uint64_t>(resident) * static_cast<uint64_t>(limits().multiprocessors)) {
    refuse(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, std::to_string(s.blocks()) + " blocks, and " +
                                                        std::to_string(resident) + " fit on each of " +
                                                        std::to_string(limits().multiprocessors) + " multiprocessors");
  }
}

std::vector<std::byte> copy_params(const Function& function, void* const* params) {
  std::vector<std::byte> bytes(function.param_bytes());
  if (!function.parameters().empty() && !params) throw Failure{CUDA_ERROR_INVALID_VALUE, function.name() + ": no parameters"};
  for (size_t i = 0; i < function.parameters().size(); ++i) {
    const Parameter& parameter = function.parameters()[i];
    std::memcpy(bytes.data() + parameter.offset, params[i], parameter.bytes);
  }
  return bytes;
}

void execute(const Kernel& kernel, const Shape& s, uint32_t dynamic_shared, const std::vector<std::byte>& params) {
  Device& device = kernel.module->device();
  if (const CUresult injected = injected_fault("kernel"); injected != CUDA_SUCCESS) {
    throw Failure{injected, kernel.function->name() + ": injected"};
  }
  admit_pageable(params);
  const Launch launch{.grid = s.grid, .block = s.block, .dynamic_shared = dynamic_shared, .params = params, .cooperative = s.cooperative};
  const auto fault = run(*kernel.function, launch, device.memory, settings().interpreter);
  if (fault) throw Failure{static_cast<CUresult>(fault->code), fault->text};
}

}  // namespace

LoadedModule::LoadedModule(Device& device, const void* image) : device_(device) {
  const std::string ptx = ptx_of(image, settings().capability);
  try {
    ptx_ = Module::parse(ptx);
  } catch (const std::exception& error) {
    throw Failure{CUDA_ERROR_INVALID_PTX, error.what()};
  }
}

LoadedModule::~LoadedModule() = default;

int Kernel::resident_blocks(int block_threads, uint64_t dynamic_shared) const {
  const uint64_t warps = (static_cast<uint64_t>(std::max(block_threads, 1)) + kWarp - 1) / kWarp;
  const uint64_t shared = function->static_shared() + dynamic_shared + kReservedSharedPerBlock;
  const uint64_t by_threads = static_cast<uint64_t>(limits().threads_per_multiprocessor) / (warps * kWarp);
  const uint64_t by_shared = static_cast<uint64_t>(limits().shared_per_multiprocessor) / shared;
  return static_cast<int>(std::min({by_threads, by_shared, static_cast<uint64_t>(limits().blocks_per_multiprocessor)}));
}

std::shared_ptr<Kernel> find_kernel(const std::shared_ptr<LoadedModule>& module, const char* name) {
  const Function* function = module->ptx().find(name);
  if (!function) {
    std::string names;
    for (const std::string& known : module->ptx().names()) names += " " + known;
    throw Failure{CUDA_ERROR_NOT_FOUND, std::string(name) + " is none of" + names};
  }
  auto kernel = std::make_shared<Kernel>();
  kernel->module = module;
  kernel->function = function;
  kernel->dynamic_shared_limit = std::max(0, kSharedPerBlock - static_cast<int>(function->static_shared()));
  return kernel;
}

void launch(const CUlaunchConfig& config, const std::shared_ptr<Kernel>& kernel, const std::shared_ptr<Stream>& stream,
            void* const* params) {
  if (&kernel->module->device() != &stream->device()) {
    throw Failure{CUDA_ERROR_INVALID_HANDLE, kernel->function->name() + ": the kernel and the stream belong to two devices"};
  }
  const Shape s{{config.gridDimX, config.gridDimY, config.gridDimZ},
                {config.blockDimX, config.blockDimY, config.blockDimZ},
                cooperative(config)};
  check(s, config, *kernel);
  auto run = [kernel, s, dynamic = config.sharedMemBytes, copy = copy_params(*kernel->function, params)] {
    execute(*kernel, s, dynamic, copy);
  };
  submit(stream, CU_GRAPH_NODE_TYPE_KERNEL, {.run = std::move(run), .name = "kernel"});
}

}  // namespace yoke::emulator
