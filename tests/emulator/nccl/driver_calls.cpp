#include "tests/emulator/nccl/driver_calls.h"

#include <dlfcn.h>

#include "core/cuda/driver_functions.h"

namespace yoke::emulator::nccl {
namespace {

using namespace yoke::cuda;

struct Calls {
  CUresult (*launch)(CUstream, CUhostFn, void*) = nullptr;
  CUresult (*capturing)(CUstream, CUstreamCaptureStatus*) = nullptr;
  CUresult (*context)(CUcontext*) = nullptr;
  CUresult (*pointer)(void*, CUpointer_attribute, CUdeviceptr) = nullptr;
};

template <typename Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
}

// Without a driver the functions stay null and every answer is no.
const Calls& calls() {
  static const Calls* const once = [] {
    auto* found = new Calls;
    void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) return found;
    find(library, "cuLaunchHostFunc", found->launch);
    find(library, "cuStreamIsCapturing", found->capturing);
    find(library, "cuCtxGetCurrent", found->context);
    find(library, "cuPointerGetAttribute", found->pointer);
    return found;
  }();
  return *once;
}

}  // namespace

bool launch_host_function(CUstream stream, CUhostFn function, void* data) {
  return calls().launch && calls().launch(stream, function, data) == CUDA_SUCCESS;
}

bool is_captured(CUstream stream) {
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  return calls().capturing && calls().capturing(stream, &status) == CUDA_SUCCESS && status != CU_STREAM_CAPTURE_STATUS_NONE;
}

uint64_t current_context() {
  CUcontext context = nullptr;
  if (calls().context) calls().context(&context);
  return reinterpret_cast<uint64_t>(context);
}

bool is_reachable(const void* pointer, size_t bytes) {
  const auto address = reinterpret_cast<CUdeviceptr>(pointer);
  CUdeviceptr start = 0;
  size_t range = 0;
  if (!calls().pointer || calls().pointer(&start, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, address) != CUDA_SUCCESS) return false;
  if (calls().pointer(&range, CU_POINTER_ATTRIBUTE_RANGE_SIZE, address) != CUDA_SUCCESS) return false;
  return address + bytes <= start + range;
}

}  // namespace yoke::emulator::nccl
