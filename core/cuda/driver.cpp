#include "core/cuda/driver.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include "core/error.h"

namespace yoke::cuda {
namespace {

struct Loaded {
  Driver table;
  std::string why;  // empty: usable
};

// Empty, or why the library cannot be used: it is absent, or lacks a function.
std::string load(Driver& table) {
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);  // never closed: the driver has threads of its own
  if (!library) {
    return fmt::format("no CUDA driver: {}; install NVIDIA's driver for CUDA 13.0 or newer, or use --device cpu", dlerror());
  }
#define YOKE_CUDA_LOAD(name, symbol, params)                                                                   \
  table.name = reinterpret_cast<decltype(table.name)>(dlsym(library, #symbol));                                \
  if (!table.name) {                                                                                           \
    return "the CUDA driver has no " #symbol ": it is older than CUDA 13.0; update it, or use --device cpu"; \
  }
  YOKE_CUDA_FUNCTIONS(YOKE_CUDA_LOAD)
#undef YOKE_CUDA_LOAD
  return {};
}

std::string name_with(const Driver& table, CUresult result) {
  const char* name = nullptr;
  const char* sentence = nullptr;
  if (table.cuGetErrorName(result, &name) != CUDA_SUCCESS || !name) return fmt::format("CUresult {}", static_cast<unsigned>(result));
  if (table.cuGetErrorString(result, &sentence) != CUDA_SUCCESS || !sentence) sentence = "no text";
  return fmt::format("{} ({}): {}", name, static_cast<unsigned>(result), sentence);
}

// Empty, or why the driver that was loaded cannot serve.
std::string start(const Driver& table) {
  int version = 0;
  if (table.cuDriverGetVersion(&version) == CUDA_SUCCESS && version < kOldestDriver) {
    return fmt::format("the CUDA driver is for CUDA {}.{}, and 13.0 or newer is needed; update it, or use --device cpu", version / 1000,
                       version % 1000 / 10);
  }
  const CUresult result = table.cuInit(0);
  if (result == CUDA_ERROR_NO_DEVICE) return "the CUDA driver finds no GPU (nvidia-smi should list it); use --device cpu";
  if (result != CUDA_SUCCESS) {
    return fmt::format("cuInit failed: {}; nvidia-smi shows whether the driver works, else use --device cpu", name_with(table, result));
  }
  int devices = 0;
  const CUresult counted = table.cuDeviceGetCount(&devices);
  if (counted != CUDA_SUCCESS) return fmt::format("cuDeviceGetCount failed: {}; use --device cpu", name_with(table, counted));
  if (devices == 0) return "the CUDA driver finds no GPU (CUDA_VISIBLE_DEVICES may hide it); use --device cpu";
  return {};
}

const Loaded& loaded() {
  static const Loaded* const once = [] {  // leaked: other threads may call the driver while the process exits
    auto* loaded = new Loaded;
    loaded->why = load(loaded->table);
    if (loaded->why.empty()) loaded->why = start(loaded->table);
    return loaded;
  }();
  return *once;
}

}  // namespace

std::string unavailable() { return loaded().why; }

const Driver& driver() {
  if (!loaded().why.empty()) throw Error{Code::unsupported, loaded().why, "device"};
  return loaded().table;
}

std::string name(CUresult result) { return name_with(driver(), result); }

void check(CUresult result, std::string_view what) {
  if (result == CUDA_SUCCESS) return;
  throw Error{result == CUDA_ERROR_OUT_OF_MEMORY ? Code::does_not_fit : Code::internal, fmt::format("{}: {}", what, name(result))};
}

}  // namespace yoke::cuda
