#include "kernels/cuda/launch.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/units.h"
#include "kernels/cuda/images.h"

namespace yoke::kernels::cuda {
namespace {

using namespace yoke::cuda;

constexpr uint32_t kSharedWithoutAsking = 48 * 1024;  // beyond it a function has to be told first

}  // namespace

uint32_t grid_rows(int64_t rows) { return static_cast<uint32_t>(std::min(rows, kMostGridRows)); }
uint32_t blocks_of(int64_t elements, uint32_t threads) { return static_cast<uint32_t>(ceil_div(elements, int64_t{threads})); }

Launcher::~Launcher() {
  try {
    device_.use();
  } catch (const Error&) {
    return;  // the context is lost, and its modules with it
  }
  for (const auto& [name, module] : modules_) driver().cuModuleUnload(module);
}

CUmodule Launcher::module_of(std::string_view image) {
  if (const auto known = modules_.find(image); known != modules_.end()) return known->second;
  for (const Image& candidate : images()) {
    if (candidate.name != image) continue;
    CUmodule module = nullptr;
    check(driver().cuModuleLoadData(&module, candidate.fatbin.data()), fmt::format("loading the CUDA kernels of {}", image));
    modules_.emplace(image, module);
    return module;
  }
  throw Error{Code::unsupported, fmt::format("this build has no CUDA kernels '{}'", image), "kernels"};
}

Launcher::Kernel& Launcher::kernel_of(std::string_view image, std::string_view kernel) {
  const std::string key = fmt::format("{}.{}", image, kernel);
  if (const auto known = kernels_.find(key); known != kernels_.end()) return known->second;
  Kernel made;
  check(driver().cuModuleGetFunction(&made.function, module_of(image), std::string(kernel).c_str()), fmt::format("finding the CUDA kernel {}", key));
  return kernels_.emplace(key, made).first->second;
}

CUfunction Launcher::function(std::string_view image, std::string_view kernel) {
  device_.use();
  return kernel_of(image, kernel).function;
}

void Launcher::launch_bytes(std::string_view image, std::string_view kernel, const LaunchShape& shape, const void* params, size_t) {
  if (shape.x == 0 || shape.y == 0 || shape.z == 0) return;
  device_.use();
  Kernel& found = kernel_of(image, kernel);
  if (shape.shared_bytes > std::max(found.shared_allowed, kSharedWithoutAsking)) {
    check(driver().cuFuncSetAttribute(found.function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, static_cast<int>(shape.shared_bytes)),
          fmt::format("giving {} of shared memory to {}", format_bytes(shape.shared_bytes), kernel));
    found.shared_allowed = shape.shared_bytes;
  }
  const CUlaunchConfig config{.gridDimX = shape.x, .gridDimY = shape.y, .gridDimZ = shape.z, .blockDimX = shape.threads, .blockDimY = 1,
                              .blockDimZ = 1, .sharedMemBytes = shape.shared_bytes, .hStream = device_.stream(), .attrs = nullptr, .numAttrs = 0};
  void* pointers[] = {const_cast<void*>(params)};
  check(driver().cuLaunchKernelEx(&config, found.function, pointers, nullptr),
        fmt::format("launching {} ({} x {} x {} blocks of {})", kernel, shape.x, shape.y, shape.z, shape.threads));
}

}  // namespace yoke::kernels::cuda
