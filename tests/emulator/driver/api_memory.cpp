// Device memory, pinned host memory, copies.
#include <cstring>

#include "tests/emulator/driver/memory.h"
#include "tests/emulator/driver/objects.h"
#include "tests/emulator/driver/settings.h"

namespace yoke::cuda {
namespace {

using namespace yoke::emulator;

// The host's side of a copy. Everything that is not pinned is taken for pageable memory of the process.
void check_host(const void* pointer, size_t bytes, const char* what) {
  const auto address = reinterpret_cast<uint64_t>(pointer);
  if (address == 0 || (address & kDeviceTag)) throw Failure{CUDA_ERROR_INVALID_VALUE, std::string(what) + " is no host address"};
  const auto block = find_block(address);
  if (block && address + bytes > block->address + block->bytes && block->kind != BlockKind::pageable) {
    throw Failure{CUDA_ERROR_INVALID_VALUE, std::string(what) + " goes " + std::to_string(address + bytes - block->address - block->bytes) +
                                                " bytes past the end of its pinned memory"};
  }
}

// resolve(), at the time when the work runs: memory that went away since is then a fault of the device.
std::byte* resolve_late(const Device& device, CUdeviceptr pointer, uint64_t bytes, bool write, const char* what) {
  try {
    return resolve(device, pointer, bytes, write, what);
  } catch (const Failure& failure) {
    throw Failure{CUDA_ERROR_ILLEGAL_ADDRESS, failure.text};
  }
}

struct Side {
  std::byte* host = nullptr;    // the host's side of a copy
  CUdeviceptr device = 0;       // or the device's
};

void copy(const char* name, Side to, Side from, size_t bytes, CUstream handle) {
  const auto stream = streams().get(handle);
  Device& device = stream->device();
  if (bytes == 0) return;
  bool tardy = false;
  for (const bool target : {true, false}) {
    const Side& side = target ? to : from;
    const char* what = target ? "the target" : "the source";
    if (side.device) {
      resolve(device, side.device, bytes, target, what);
    } else {
      check_host(side.host, bytes, what);
      tardy = tardy || !is_pinned(side.host, bytes);
    }
  }
  auto run = [&device, to, from, bytes] {
    std::byte* target = to.device ? resolve_late(device, to.device, bytes, true, "the target") : to.host;
    const std::byte* source = from.device ? resolve_late(device, from.device, bytes, false, "the source") : from.host;
    std::memmove(target, source, bytes);
  };
  submit(stream, CU_GRAPH_NODE_TYPE_MEMCPY, {.run = std::move(run), .name = name, .tardy = tardy});
}

template <typename Value>
void fill(const char* name, CUdeviceptr to, Value value, size_t count, CUstream handle) {
  const auto stream = streams().get(handle);
  Device& device = stream->device();
  if (count == 0) return;
  if (to % sizeof(Value) != 0) throw Failure{CUDA_ERROR_INVALID_VALUE, "the target is not aligned to its values"};
  resolve(device, to, count * sizeof(Value), true, "the target");
  auto run = [&device, to, value, count] {
    auto* target = reinterpret_cast<Value*>(resolve_late(device, to, count * sizeof(Value), true, "the target"));
    std::fill_n(target, count, value);
  };
  submit(stream, CU_GRAPH_NODE_TYPE_MEMSET, {.run = std::move(run), .name = name});
}

void put_attribute(void* data, CUpointer_attribute attribute, const Block& block, uint64_t address) {
  const bool host = !block.device;
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
      *static_cast<unsigned*>(data) = host ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
      return;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
      *static_cast<CUdeviceptr*>(data) = address;
      return;
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      if (!host) throw Failure{CUDA_ERROR_INVALID_VALUE, "device memory has no host pointer"};
      *static_cast<void**>(data) = reinterpret_cast<void*>(address);
      return;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
      *static_cast<int*>(data) = host ? current_device().ordinal : block.device->ordinal;
      return;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
      *static_cast<CUdeviceptr*>(data) = block.address;
      return;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
      *static_cast<size_t*>(data) = block.bytes;
      return;
  }
  throw Failure{CUDA_ERROR_INVALID_VALUE, "pointer attribute " + std::to_string(attribute) + " is not known to the emulator"};
}

void wait_for_every_device() {
  for (int ordinal = 0; ordinal < device_count(); ++ordinal) wait_for_all(device(ordinal));
}

}  // namespace

extern "C" {

CUresult cuMemAlloc_v2(CUdeviceptr* pointer, size_t bytes) {
  return guarded("cuMemAlloc", Needs::context, [&] {
    refuse_in_capture(nullptr, "cuMemAlloc");
    *pointer = allocate(current_device(), bytes);
  });
}

CUresult cuMemFree_v2(CUdeviceptr pointer) {
  return guarded("cuMemFree", Needs::context, [&] {
    refuse_in_capture(nullptr, "cuMemFree");
    if (pointer == 0) return;
    const auto block = find_block(pointer);
    if (block && block->device) wait_for_all(*block->device);  // as the real one does
    release(pointer);
  });
}

CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  return guarded("cuMemGetInfo", Needs::context, [&] {
    *total = settings().memory_bytes;
    *free = settings().memory_bytes - current_device().used;
  });
}

CUresult cuMemHostAlloc(void** pointer, size_t bytes, unsigned) {
  return guarded("cuMemHostAlloc", Needs::context, [&] {
    refuse_in_capture(nullptr, "cuMemHostAlloc");
    *pointer = allocate_host(bytes);
  });
}

CUresult cuMemFreeHost(void* pointer) {
  return guarded("cuMemFreeHost", Needs::context, [&] {
    refuse_in_capture(nullptr, "cuMemFreeHost");
    if (!pointer) return;
    wait_for_every_device();
    release_host(pointer);
  });
}

CUresult cuMemHostRegister_v2(void* pointer, size_t bytes, unsigned flags) {
  return guarded("cuMemHostRegister", Needs::context, [&] {
    refuse_in_capture(nullptr, "cuMemHostRegister");
    if (!settings().host_register) throw Failure{CUDA_ERROR_NOT_SUPPORTED, "YOKE_EMULATOR_WITHOUT=register"};
    register_host(pointer, bytes, !(flags & kMemHostRegisterReadOnly));
  });
}

CUresult cuMemHostUnregister(void* pointer) {
  return guarded("cuMemHostUnregister", Needs::context, [&] {
    refuse_in_capture(nullptr, "cuMemHostUnregister");
    wait_for_every_device();
    unregister_host(pointer);
  });
}

CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* device_pointer, void* pointer, unsigned flags) {
  return guarded("cuMemHostGetDevicePointer", Needs::context, [&] {
    if (flags != 0) throw Failure{CUDA_ERROR_INVALID_VALUE, "flags must be 0"};
    if (!is_pinned(pointer, 1)) throw Failure{CUDA_ERROR_INVALID_VALUE, "the memory is not pinned"};
    *device_pointer = reinterpret_cast<CUdeviceptr>(pointer);
  });
}

CUresult cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr pointer) {
  return guarded("cuPointerGetAttribute", Needs::context, [&] {
    const auto block = find_block(pointer);
    if (!block) throw Failure{CUDA_ERROR_INVALID_VALUE, ""};  // how callers ask whether memory is the driver's
    put_attribute(data, attribute, *block, pointer);
  });
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, CUstream stream) {
  return guarded("cuMemcpyHtoDAsync", Needs::context, [&] {
    copy("cuMemcpyHtoDAsync", {.device = to}, {.host = static_cast<std::byte*>(const_cast<void*>(from))}, bytes, stream);
  });
}

CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return guarded("cuMemcpyDtoHAsync", Needs::context,
                 [&] { copy("cuMemcpyDtoHAsync", {.host = static_cast<std::byte*>(to)}, {.device = from}, bytes, stream); });
}

CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return guarded("cuMemcpyDtoDAsync", Needs::context,
                 [&] { copy("cuMemcpyDtoDAsync", {.device = to}, {.device = from}, bytes, stream); });
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
  return guarded("cuMemsetD8Async", Needs::context, [&] { fill("cuMemsetD8Async", to, value, count, stream); });
}

CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream) {
  return guarded("cuMemsetD32Async", Needs::context, [&] { fill("cuMemsetD32Async", to, value, count, stream); });
}

}  // extern "C"
}  // namespace yoke::cuda
