// Memory by handle: a memfd that can be exported to another process, mapped into reserved addresses.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <mutex>

#include "core/descriptor.h"
#include "tests/emulator/driver/memory.h"
#include "tests/emulator/driver/objects.h"
#include "tests/emulator/driver/settings.h"

namespace yoke::emulator {

struct Allocation {
  Allocation(Device& device, uint64_t bytes, Descriptor fd, bool exportable)
      : device(device), bytes(bytes), fd(std::move(fd)), exportable(exportable) {
    take(device, bytes);
  }
  ~Allocation() { give_back(device, bytes); }

  Device& device;
  const uint64_t bytes;
  const Descriptor fd;
  const bool exportable;
};

}  // namespace yoke::emulator

namespace yoke::cuda {
namespace {

using namespace yoke::emulator;

constexpr uint64_t kGranularity = uint64_t{2} << 20;
constexpr char kName[] = "yoke-emulator-device-";

struct Mapping {
  uint64_t bytes = 0;
  std::shared_ptr<Allocation> allocation;
  bool visible = false;  // cuMemSetAccess gave access
};

struct State {
  std::mutex mutex;
  Handles<Allocation> allocations{"memory handle", 0x8800000010};
  std::map<uint64_t, uint64_t> reserved;  // address -> bytes
  std::map<uint64_t, Mapping> mappings;   // by address
};

State& state() {
  static State* const once = new State;  // leaked: see settings.cpp
  return *once;
}

std::byte* host_of(CUdeviceptr pointer) { return reinterpret_cast<std::byte*>(pointer - kDeviceTag); }

void need_vmm() {
  if (!settings().vmm) throw Failure{CUDA_ERROR_NOT_SUPPORTED, "YOKE_EMULATOR_WITHOUT=vmm"};
}

void need_whole(uint64_t bytes) {
  if (bytes == 0 || bytes % kGranularity != 0) {
    throw Failure{CUDA_ERROR_INVALID_VALUE, std::to_string(bytes) + " bytes are no multiple of " + std::to_string(kGranularity)};
  }
}

Device& checked(const CUmemAllocationProp* prop) {
  const bool known = prop && prop->type == CU_MEM_ALLOCATION_TYPE_PINNED && prop->location.type == CU_MEM_LOCATION_TYPE_DEVICE &&
                     (prop->requestedHandleTypes & ~CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) == 0;
  if (!known) throw Failure{CUDA_ERROR_INVALID_VALUE, "the emulator makes pinned memory of a device, with a POSIX handle or none"};
  if (prop->allocFlags.gpuDirectRDMACapable) throw Failure{CUDA_ERROR_NOT_SUPPORTED, "the device has no GPUDirect RDMA"};
  return device(prop->location.id);
}

std::shared_ptr<Allocation> create(Device& device, uint64_t bytes, bool exportable) {
  const std::string name = kName + std::to_string(device.ordinal);
  Descriptor fd(memfd_create(name.c_str(), MFD_CLOEXEC));
  if (fd.get() < 0 || ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
    throw Failure{CUDA_ERROR_OUT_OF_MEMORY, std::string("memfd: ") + std::strerror(errno)};
  }
  const uint64_t filled = std::min(bytes, kFilledBytes);
  void* view = mmap(nullptr, filled, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (view != MAP_FAILED) {
    fill_fresh(static_cast<std::byte*>(view), filled);
    munmap(view, filled);
  }
  return std::make_shared<Allocation>(device, bytes, std::move(fd), exportable);
}

// Which device's memory a descriptor is, by the name that create() gave it.
int ordinal_of(int fd) {
  char target[256] = {};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  if (readlink(link.c_str(), target, sizeof target - 1) < 0)
    throw Failure{CUDA_ERROR_INVALID_VALUE, "no open descriptor " + std::to_string(fd)};
  const char* at = std::strstr(target, kName);
  if (!at) throw Failure{CUDA_ERROR_INVALID_VALUE, "descriptor " + std::to_string(fd) + " (" + target + ") is no memory of a device"};
  return std::atoi(at + sizeof kName - 1);
}

std::shared_ptr<Allocation> import(int fd) {
  Device& owner = device(ordinal_of(fd));
  struct stat status {};
  fstat(fd, &status);
  return std::make_shared<Allocation>(owner, static_cast<uint64_t>(status.st_size), Descriptor(fcntl(fd, F_DUPFD_CLOEXEC, 0)), true);
}

uint64_t reserve(uint64_t bytes, uint64_t alignment) {
  const uint64_t step = std::max(alignment, kGranularity);
  void* outer = mmap(nullptr, bytes + step, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (outer == MAP_FAILED) throw Failure{CUDA_ERROR_OUT_OF_MEMORY, "no room for " + std::to_string(bytes) + " bytes of addresses"};
  const auto first = reinterpret_cast<uint64_t>(outer);
  const uint64_t start = (first + step - 1) / step * step;
  if (start > first) munmap(outer, start - first);
  munmap(reinterpret_cast<void*>(start + bytes), first + step - start);
  return start + kDeviceTag;
}

// With the mutex held.
bool is_reserved(uint64_t pointer, uint64_t bytes) {
  auto at = state().reserved.upper_bound(pointer);
  if (at == state().reserved.begin()) return false;
  --at;
  return pointer + bytes <= at->first + at->second;
}

bool any_mapping(uint64_t pointer, uint64_t bytes) {
  auto at = state().mappings.lower_bound(pointer + bytes);
  if (at == state().mappings.begin()) return false;
  --at;
  return at->first + at->second.bytes > pointer;
}

// Calls function(address, mapping) for the mappings that make up exactly this range.
template <typename Function>
void each_mapping(uint64_t pointer, uint64_t bytes, Function function) {
  std::vector<uint64_t> addresses;
  for (uint64_t at = pointer; at < pointer + bytes;) {
    const auto found = state().mappings.find(at);
    if (found == state().mappings.end()) throw Failure{CUDA_ERROR_INVALID_VALUE, "the range is not made up of whole mappings"};
    addresses.push_back(at);
    at += found->second.bytes;
    if (at > pointer + bytes) throw Failure{CUDA_ERROR_INVALID_VALUE, "the range ends within a mapping"};
  }
  for (const uint64_t address : addresses) function(address, state().mappings.at(address));
}

void hide(uint64_t address, Mapping& mapping) {
  if (mapping.visible) remove_block(address);
  mapping.visible = false;
}

void map(uint64_t pointer, uint64_t bytes, const std::shared_ptr<Allocation>& allocation) {
  std::lock_guard lock(state().mutex);
  if (!is_reserved(pointer, bytes)) throw Failure{CUDA_ERROR_INVALID_VALUE, "the addresses are not reserved"};
  if (any_mapping(pointer, bytes)) throw Failure{CUDA_ERROR_ALREADY_MAPPED, "something is mapped there"};
  if (bytes != allocation->bytes) throw Failure{CUDA_ERROR_INVALID_VALUE, "a handle is mapped whole"};
  void* at = mmap(host_of(pointer), bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, allocation->fd.get(), 0);
  if (at == MAP_FAILED) throw Failure{CUDA_ERROR_MAP_FAILED, std::strerror(errno)};
  state().mappings[pointer] = {bytes, allocation, false};
}

void set_access(uint64_t pointer, uint64_t bytes, const CUmemAccessDesc& access) {
  std::lock_guard lock(state().mutex);
  each_mapping(pointer, bytes, [&](uint64_t address, Mapping& mapping) {
    if (access.location.id != mapping.allocation->device.ordinal) {
      throw Failure{CUDA_ERROR_NOT_SUPPORTED, "the emulator's devices do not reach each other's memory"};
    }
    hide(address, mapping);
    if (access.flags == CU_MEM_ACCESS_FLAGS_PROT_NONE) return;
    const bool writable = access.flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    add_block({address, mapping.bytes, host_of(address), BlockKind::mapped, &mapping.allocation->device, writable});
    mapping.visible = true;
  });
}

void unmap(uint64_t pointer, uint64_t bytes) {
  std::lock_guard lock(state().mutex);
  each_mapping(pointer, bytes, [&](uint64_t address, Mapping& mapping) {
    wait_for_all(mapping.allocation->device);  // a kernel that still reads it would end this process, not the emulated context
    hide(address, mapping);
    mmap(host_of(address), mapping.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    state().mappings.erase(address);
  });
}

void free_addresses(uint64_t pointer, uint64_t bytes) {
  std::lock_guard lock(state().mutex);
  const auto at = state().reserved.find(pointer);
  if (at == state().reserved.end() || at->second != bytes) throw Failure{CUDA_ERROR_INVALID_VALUE, "not a reservation of this size"};
  if (any_mapping(pointer, bytes)) throw Failure{CUDA_ERROR_INVALID_VALUE, "something is still mapped there"};
  munmap(host_of(pointer), bytes);
  state().reserved.erase(at);
}

}  // namespace

extern "C" {

CUresult cuMemGetAllocationGranularity(size_t* bytes, const CUmemAllocationProp* prop, CUmemAllocationGranularity_flags) {
  return guarded("cuMemGetAllocationGranularity", Needs::init, [&] {
    need_vmm();
    checked(prop);
    *bytes = kGranularity;
  });
}

CUresult cuMemCreate(CUmemGenericAllocationHandle* handle, size_t bytes, const CUmemAllocationProp* prop, unsigned long long) {
  return guarded("cuMemCreate", Needs::init, [&] {
    need_vmm();
    Device& owner = checked(prop);
    need_whole(bytes);
    if (bytes > settings().memory_bytes - owner.used) take(owner, bytes);  // refuses, before the pages exist
    const bool exportable = prop->requestedHandleTypes == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
    *handle = state().allocations.add<CUmemGenericAllocationHandle>(create(owner, bytes, exportable));
  });
}

CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  return guarded("cuMemRelease", Needs::init, [&] { state().allocations.remove(handle); });
}

CUresult cuMemAddressReserve(CUdeviceptr* pointer, size_t bytes, size_t alignment, CUdeviceptr, unsigned long long flags) {
  return guarded("cuMemAddressReserve", Needs::init, [&] {
    need_vmm();
    need_whole(bytes);
    if (flags != 0 || (alignment & (alignment - 1)) != 0)
      throw Failure{CUDA_ERROR_INVALID_VALUE, "flags, or an alignment that is no power of 2"};
    *pointer = reserve(bytes, alignment);
    std::lock_guard lock(state().mutex);
    state().reserved[*pointer] = bytes;
  });
}

CUresult cuMemAddressFree(CUdeviceptr pointer, size_t bytes) {
  return guarded("cuMemAddressFree", Needs::init, [&] { free_addresses(pointer, bytes); });
}

CUresult cuMemMap(CUdeviceptr pointer, size_t bytes, size_t offset, CUmemGenericAllocationHandle handle, unsigned long long flags) {
  return guarded("cuMemMap", Needs::init, [&] {
    if (offset != 0 || flags != 0) throw Failure{CUDA_ERROR_INVALID_VALUE, "offset and flags must be 0"};
    map(pointer, bytes, state().allocations.get(handle));
  });
}

CUresult cuMemUnmap(CUdeviceptr pointer, size_t bytes) {
  return guarded("cuMemUnmap", Needs::init, [&] { unmap(pointer, bytes); });
}

CUresult cuMemSetAccess(CUdeviceptr pointer, size_t bytes, const CUmemAccessDesc* access, size_t count) {
  return guarded("cuMemSetAccess", Needs::init, [&] {
    if (count != 1 || access->location.type != CU_MEM_LOCATION_TYPE_DEVICE) {
      throw Failure{CUDA_ERROR_NOT_SUPPORTED, "the emulator gives access to one device"};
    }
    set_access(pointer, bytes, *access);
  });
}

CUresult cuMemExportToShareableHandle(void* shareable, CUmemGenericAllocationHandle handle, CUmemAllocationHandleType type,
                                      unsigned long long flags) {
  return guarded("cuMemExportToShareableHandle", Needs::init, [&] {
    const auto allocation = state().allocations.get(handle);
    if (type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR || flags != 0) throw Failure{CUDA_ERROR_INVALID_VALUE, "only POSIX descriptors"};
    if (!allocation->exportable) throw Failure{CUDA_ERROR_NOT_PERMITTED, "the handle was made without requestedHandleTypes"};
    const int fd = fcntl(allocation->fd.get(), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) throw Failure{CUDA_ERROR_OPERATING_SYSTEM, std::strerror(errno)};
    *static_cast<int*>(shareable) = fd;
  });
}

CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle* handle, void* shareable, CUmemAllocationHandleType type) {
  return guarded("cuMemImportFromShareableHandle", Needs::init, [&] {
    need_vmm();
    if (type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) throw Failure{CUDA_ERROR_INVALID_VALUE, "only POSIX descriptors"};
    *handle = state().allocations.add<CUmemGenericAllocationHandle>(import(static_cast<int>(reinterpret_cast<intptr_t>(shareable))));
  });
}

}  // extern "C"
}  // namespace yoke::cuda
