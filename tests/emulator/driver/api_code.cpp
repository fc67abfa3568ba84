// Modules, functions, launches.
#include "tests/emulator/driver/memory.h"
#include "tests/emulator/driver/objects.h"
#include "tests/emulator/driver/settings.h"

namespace yoke::cuda {
namespace {

using namespace yoke::emulator;

int attribute_of(const Kernel& kernel, CUfunction_attribute attribute) {
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: return static_cast<int>(kernel.function->max_threads());
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: return static_cast<int>(kernel.function->static_shared());
    case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES: return 0;
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES: return static_cast<int>(kernel.function->local_bytes());
    case CU_FUNC_ATTRIBUTE_NUM_REGS: return 0;  // ptxas knows, not the emulator
    case CU_FUNC_ATTRIBUTE_PTX_VERSION: return settings().capability;
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION: return settings().capability;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: return kernel.dynamic_shared_limit;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT: return -1;
  }
  throw Failure{CUDA_ERROR_INVALID_VALUE, "function attribute " + std::to_string(attribute) + " is not known to the emulator"};
}

void set_dynamic_shared(Kernel& kernel, int bytes) {
  const int most = limits().shared_per_block_optin - static_cast<int>(kernel.function->static_shared());
  if (bytes < 0 || bytes > most) {
    throw Failure{CUDA_ERROR_INVALID_VALUE, kernel.function->name() + ": " + std::to_string(bytes) +
                                                " bytes of dynamic shared memory, and the device has " + std::to_string(most)};
  }
  kernel.dynamic_shared_limit = bytes;
}

void add_variables(const LoadedModule& module) {
  for (const Variable& variable : module.ptx().variables()) {
    if (variable.bytes > 0) {
      add_block({variable.device_address, variable.bytes, variable.host, BlockKind::variable, &module.device(), true});
    }
  }
}

}  // namespace

extern "C" {

CUresult cuModuleLoadData(CUmodule* out, const void* image) {
  return guarded("cuModuleLoadData", Needs::context, [&] {
    refuse_in_capture(nullptr, "cuModuleLoadData");
    auto module = std::make_shared<LoadedModule>(current_device(), image);
    add_variables(*module);
    *out = modules().add<CUmodule>(std::move(module));
  });
}

CUresult cuModuleUnload(CUmodule handle) {
  return guarded("cuModuleUnload", Needs::context, [&] {
    const auto module = modules().remove(handle);
    wait_for_all(module->device());
    for (const Variable& variable : module->ptx().variables()) remove_block(variable.device_address);
  });
}

CUresult cuModuleGetFunction(CUfunction* out, CUmodule module, const char* name) {
  return guarded("cuModuleGetFunction", Needs::context,
                 [&] { *out = kernels().add<CUfunction>(find_kernel(modules().get(module), name)); });
}

CUresult cuModuleGetGlobal_v2(CUdeviceptr* pointer, size_t* bytes, CUmodule handle, const char* name) {
  return guarded("cuModuleGetGlobal", Needs::context, [&] {
    const auto module = modules().get(handle);
    for (const Variable& variable : module->ptx().variables()) {
      if (variable.name != name) continue;
      if (pointer) *pointer = variable.device_address;
      if (bytes) *bytes = variable.bytes;
      return;
    }
    throw Failure{CUDA_ERROR_NOT_FOUND, std::string("no variable ") + name};
  });
}

CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute, int value) {
  return guarded("cuFuncSetAttribute", Needs::context, [&] {
    const auto kernel = kernels().get(function);
    if (attribute == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) return set_dynamic_shared(*kernel, value);
    if (attribute == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT) return;  // a hint about speed
    throw Failure{CUDA_ERROR_INVALID_VALUE, "function attribute " + std::to_string(attribute) + " cannot be set"};
  });
}

CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction function) {
  return guarded("cuFuncGetAttribute", Needs::context, [&] { *value = attribute_of(*kernels().get(function), attribute); });
}

CUresult cuFuncGetParamInfo(CUfunction function, size_t index, size_t* offset, size_t* bytes) {
  return guarded("cuFuncGetParamInfo", Needs::context, [&] {
    const auto kernel = kernels().get(function);
    if (index >= kernel->function->parameters().size()) throw Failure{CUDA_ERROR_INVALID_VALUE, ""};  // how callers count them
    *offset = kernel->function->parameters()[index].offset;
    if (bytes) *bytes = kernel->function->parameters()[index].bytes;
  });
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction function, int block_threads, size_t dynamic_shared_bytes) {
  return guarded("cuOccupancyMaxActiveBlocksPerMultiprocessor", Needs::context,
                 [&] { *blocks = kernels().get(function)->resident_blocks(block_threads, dynamic_shared_bytes); });
}

CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction function, void** params, void** extra) {
  return guarded("cuLaunchKernelEx", Needs::context, [&] {
    if (extra) throw Failure{CUDA_ERROR_NOT_SUPPORTED, "the emulator takes parameters through kernelParams only"};
    launch(*config, kernels().get(function), streams().get(config->hStream), params);
  });
}

CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void* user_data) {
  return guarded("cuLaunchHostFunc", Needs::context, [&] {
    submit(streams().get(handle), CU_GRAPH_NODE_TYPE_HOST,
           {.run = [function, user_data] { function(user_data); }, .name = "host function"});
  });
}

}  // extern "C"
}  // namespace yoke::cuda
