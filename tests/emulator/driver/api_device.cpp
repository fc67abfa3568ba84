// The process, errors, devices and contexts.
#include <cstdio>
#include <cstring>

#include "tests/emulator/driver/memory.h"
#include "tests/emulator/driver/objects.h"
#include "tests/emulator/driver/settings.h"

namespace yoke::cuda {
namespace {

using namespace yoke::emulator;

constexpr int kDriverVersion = 13000;

void copy_text(char* to, int length, const std::string& text) {
  if (!to || length <= static_cast<int>(text.size())) throw Failure{CUDA_ERROR_INVALID_VALUE, "the buffer is too short"};
  std::memcpy(to, text.c_str(), text.size() + 1);
}

int attribute_of(CUdevice_attribute attribute, int ordinal) {
  const Settings& here = settings();
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK: return kThreadsPerBlock;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X: return 1024;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y: return 1024;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z: return 64;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X: return 0x7FFFFFFF;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y: return 65535;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z: return 65535;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK: return kSharedPerBlock;
    case CU_DEVICE_ATTRIBUTE_WARP_SIZE: return 32;
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK: return 65536;
    case CU_DEVICE_ATTRIBUTE_CLOCK_RATE: return limits().clock_khz;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: return limits().multiprocessors;
    case CU_DEVICE_ATTRIBUTE_INTEGRATED: return here.capability == 121;
    case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY: return 1;
    case CU_DEVICE_ATTRIBUTE_PCI_BUS_ID: return ordinal + 1;
    case CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID: return 0;
    case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE: return 4'266'000;
    case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH: return 256;
    case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE: return 24 << 20;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR: return limits().threads_per_multiprocessor;
    case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING: return 1;
    case CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID: return 0;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: return here.capability / 10;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: return here.capability % 10;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR: return limits().shared_per_multiprocessor;
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR: return 65536;
    case CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS: return here.ats;
    case CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM: return 1;
    case CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH: return 1;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: return limits().shared_per_block_optin;
    case CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED: return here.host_register;
    case CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS_USES_HOST_PAGE_TABLES: return here.ats;
    case CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED: return here.vmm;
    case CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED: return here.vmm;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR: return limits().blocks_per_multiprocessor;
    case CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK: return kReservedSharedPerBlock;
    case CU_DEVICE_ATTRIBUTE_READ_ONLY_HOST_REGISTER_SUPPORTED: return here.host_register;
    case CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_SUPPORTED: return 0;
  }
  throw Failure{CUDA_ERROR_INVALID_VALUE, "device attribute " + std::to_string(attribute) + " is not known to the emulator"};
}

}  // namespace

extern "C" {

CUresult cuInit(unsigned) { return guarded("cuInit", Needs::nothing, start_devices); }

CUresult cuDriverGetVersion(int* version) {
  return guarded("cuDriverGetVersion", Needs::nothing, [&] { *version = kDriverVersion; });
}

CUresult cuGetErrorName(CUresult error, const char** text) {
  *text = name_of(error);
  return *text ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// The last failure's own words, where it was this error: the real driver has one sentence for each.
CUresult cuGetErrorString(CUresult error, const char** text) {
  thread_local std::string kept;
  const char* name = name_of(error);
  *text = nullptr;
  if (!name) return CUDA_ERROR_INVALID_VALUE;
  const std::string last = last_failure();
  kept = last.find(std::string(name) + ":") != std::string::npos ? last : "on the emulated device";
  *text = kept.c_str();
  return CUDA_SUCCESS;
}

__attribute__((visibility("default"))) const char* yoke_emulator_last_fault() {
  thread_local std::string kept;
  kept = last_failure();
  return kept.c_str();
}

CUresult cuDeviceGet(CUdevice* out, int ordinal) {
  return guarded("cuDeviceGet", Needs::init, [&] { *out = device(ordinal).ordinal; });
}

CUresult cuDeviceGetCount(int* count) {
  return guarded("cuDeviceGetCount", Needs::init, [&] { *count = device_count(); });
}

CUresult cuDeviceGetName(char* name, int length, CUdevice ordinal) {
  return guarded("cuDeviceGetName", Needs::init, [&] {
    device(ordinal);
    copy_text(name, length, "emulator");
  });
}

CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice ordinal) {
  return guarded("cuDeviceGetAttribute", Needs::init, [&] { *value = attribute_of(attribute, device(ordinal).ordinal); });
}

CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice ordinal) {
  return guarded("cuDeviceTotalMem", Needs::init, [&] {
    device(ordinal);
    *bytes = settings().memory_bytes;
  });
}

CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice ordinal) {
  return guarded("cuDeviceGetUuid", Needs::init, [&] {
    std::memset(uuid->bytes, 0, sizeof uuid->bytes);
    std::memcpy(uuid->bytes, "yoke-emulator", 13);
    uuid->bytes[15] = static_cast<char>(device(ordinal).ordinal);
  });
}

CUresult cuDeviceGetPCIBusId(char* text, int length, CUdevice ordinal) {
  return guarded("cuDeviceGetPCIBusId", Needs::init, [&] {
    char id[16];
    std::snprintf(id, sizeof id, "0000:%02X:00.0", static_cast<unsigned>(device(ordinal).ordinal + 1) & 0xFF);
    copy_text(text, length, id);
  });
}

CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice ordinal) {
  return guarded("cuDevicePrimaryCtxRetain", Needs::init, [&] {
    Device& here = device(ordinal);
    ++here.retained;
    *context = context_of(here);
  });
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice ordinal) {
  return guarded("cuDevicePrimaryCtxRelease", Needs::init, [&] {
    Device& here = device(ordinal);
    if (here.retained.fetch_sub(1) > 0) return;
    ++here.retained;
    throw Failure{CUDA_ERROR_INVALID_CONTEXT, "the primary context was not retained"};
  });
}

CUresult cuCtxSetCurrent(CUcontext context) {
  return guarded("cuCtxSetCurrent", Needs::init, [&] { set_current(context); });
}

CUresult cuCtxGetCurrent(CUcontext* context) {
  return guarded("cuCtxGetCurrent", Needs::init, [&] { *context = current_context(); });
}

CUresult cuCtxSynchronize() {
  return guarded("cuCtxSynchronize", Needs::context, [&] {
    refuse_in_capture(nullptr, "cuCtxSynchronize");
    wait_for_all(current_device());
    if (const unsigned sticky = current_device().sticky) throw Failure{static_cast<CUresult>(sticky), ""};
  });
}

CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  return guarded("cuCtxGetStreamPriorityRange", Needs::context, [&] {
    *least = 0;
    *greatest = -5;
  });
}

}  // extern "C"
}  // namespace yoke::cuda
