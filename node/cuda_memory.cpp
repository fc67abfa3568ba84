#include "node/cuda_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/cuda/context.h"
#include "core/error.h"
#include "core/units.h"
#include "node/cuda_copies.h"
#include "node/memfd_memory.h"
#include "node/pool_directory.h"
#include "topology/node_info.h"

namespace yoke::node::gpu {
namespace {

using cuda::attribute;
using cuda::check;
using cuda::Context;
using cuda::driver;

constexpr uint64_t kProbeBytes = 2 << 20;

cuda::CUmemAllocationProp exportable_on(cuda::CUdevice device) {
  return {.type = cuda::CU_MEM_ALLOCATION_TYPE_PINNED,
          .requestedHandleTypes = cuda::CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR,
          .location = {cuda::CU_MEM_LOCATION_TYPE_DEVICE, device}};
}

uint64_t granularity(cuda::CUdevice device) {
  const cuda::CUmemAllocationProp prop = exportable_on(device);
  size_t bytes = 0;
  check(driver().cuMemGetAllocationGranularity(&bytes, &prop, cuda::CU_MEM_ALLOC_GRANULARITY_RECOMMENDED), "cuMemGetAllocationGranularity");
  return bytes;
}

uint64_t whole_units(uint64_t bytes, cuda::CUdevice device) {
  const uint64_t unit = granularity(device);
  return (bytes + unit - 1) / unit * unit;
}

// The driver's handle of an allocation. What maps it, and what it was exported as, hold the memory by themselves.
class Handle {
 public:
  static Handle create(cuda::CUdevice device, uint64_t bytes) {
    const cuda::CUmemAllocationProp prop = exportable_on(device);
    Handle handle;
    check(driver().cuMemCreate(&handle.handle_, bytes, &prop, 0), fmt::format("cuMemCreate of {}", format_bytes(bytes)));
    return handle;
  }
  static Handle import(int fd) {
    Handle handle;
    void* const shareable = reinterpret_cast<void*>(static_cast<intptr_t>(fd));  // so the driver wants it
    const cuda::CUresult result =
        driver().cuMemImportFromShareableHandle(&handle.handle_, shareable, cuda::CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
    if (result != cuda::CUDA_SUCCESS) {
      throw Error{Code::bad_file, fmt::format("the pool's descriptor is no memory of this GPU: {}; let the agent load the model again", cuda::name(result))};
    }
    return handle;
  }
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, 0)) {}
  Handle& operator=(Handle&&) = delete;
  ~Handle() {
    if (handle_ != 0) driver().cuMemRelease(handle_);
  }

  Descriptor exported() const {
    int fd = -1;
    check(driver().cuMemExportToShareableHandle(&fd, handle_, cuda::CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0), "exporting the pool");
    return Descriptor(fd);
  }
  cuda::CUmemGenericAllocationHandle get() const { return handle_; }

 private:
  Handle() = default;
  cuda::CUmemGenericAllocationHandle handle_ = 0;
};

// Memory that this process sees at addresses of its own.
class Mapped {
 public:
  Mapped(cuda::CUdevice device, const Handle& handle, uint64_t bytes) : bytes_(bytes) {
    check(driver().cuMemAddressReserve(&address_, bytes, 0, 0, 0), fmt::format("addresses for a pool of {}", format_bytes(bytes)));
    try {
      check(driver().cuMemMap(address_, bytes, 0, handle.get(), 0), fmt::format("mapping a pool of {}", format_bytes(bytes)));
      mapped_ = true;
      const cuda::CUmemAccessDesc access{{cuda::CU_MEM_LOCATION_TYPE_DEVICE, device}, cuda::CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
      check(driver().cuMemSetAccess(address_, bytes, &access, 1), "access to the pool");
    } catch (...) {
      release();
      throw;
    }
  }
  ~Mapped() { release(); }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;

  cuda::CUdeviceptr address() const { return address_; }
  uint64_t bytes() const { return bytes_; }

 private:
  void release() {
    if (mapped_) driver().cuMemUnmap(address_, bytes_);
    driver().cuMemAddressFree(address_, bytes_);
  }
  cuda::CUdeviceptr address_ = 0;
  uint64_t bytes_;
  bool mapped_ = false;
};

class ExportedMemory final : public PoolMemory {
 public:
  // The mapping and `exported` hold the memory from then on; `handle` may go.
  ExportedMemory(int ordinal, const Handle& handle, uint64_t bytes, Descriptor exported, Descriptor directory)
      : ordinal_(ordinal), context_(ordinal), exported_(std::move(exported)), directory_fd_(std::move(directory)),
        directory_(directory_fd_.get(), sealed_size(directory_fd_.get())), mapped_(context_.device(), handle, bytes) {}

  ~ExportedMemory() override {
    try {
      context_.use();
    } catch (const Error&) {
      // Then the driver takes back what it can when the process ends.
    }
  }

  PoolPlace place() const override { return PoolPlace::device; }
  uint64_t bytes() const override { return mapped_.bytes(); }
  std::byte* host() const override { return nullptr; }
  std::byte* kernels() const override { return reinterpret_cast<std::byte*>(mapped_.address()); }
  std::span<std::byte> directory() const override { return {directory_.data(), directory_.bytes()}; }
  std::vector<int> descriptors() const override { return {directory_fd_.get(), exported_.get()}; }
  std::unique_ptr<DeviceCopies> copies(int slots, uint64_t buffer_bytes) override {
    return std::make_unique<Copies>(ordinal_, mapped_.address(), slots, buffer_bytes);
  }

  void clear() {
    cuda::CUstream stream = nullptr;
    check(driver().cuStreamCreateWithPriority(&stream, cuda::CU_STREAM_NON_BLOCKING, 0), "a stream to clear the pool");
    cuda::CUresult result = driver().cuMemsetD8Async(mapped_.address(), 0, mapped_.bytes(), stream);
    if (result == cuda::CUDA_SUCCESS) result = driver().cuStreamSynchronize(stream);
    driver().cuStreamDestroy(stream);
    check(result, "clearing the pool");
  }

 private:
  const int ordinal_;
  const Context context_;
  const Descriptor exported_, directory_fd_;
  const Mapping directory_;
  const Mapped mapped_;
};

class RegisteredMemory final : public MemfdMemory {
 public:
  RegisteredMemory(int ordinal, std::vector<Descriptor> descriptors) : MemfdMemory(std::move(descriptors), PoolPlace::registered), context_(ordinal) {
    check(driver().cuMemHostRegister(host(), bytes(), cuda::kMemHostRegisterPortable | cuda::kMemHostRegisterDeviceMap),
          fmt::format("registering a pool of {} with the driver", format_bytes(bytes())));
    check(driver().cuMemHostGetDevicePointer(&address_, host(), 0), "the GPU's address of the pool");
  }
  ~RegisteredMemory() override {
    try {
      context_.use();
      driver().cuMemHostUnregister(host());
    } catch (const Error&) {
      // Nobody is left to be told.
    }
  }
  std::byte* kernels() const override { return reinterpret_cast<std::byte*>(address_); }

 private:
  const Context context_;
  cuda::CUdeviceptr address_ = 0;
};

// What `run` fails with, as a reason. A device that is full has what was asked for all the same: creating the pool says the numbers.
template <typename Run>
std::string failure_of(const Run& run) {
  try {
    run();
    return {};
  } catch (const Error& error) {
    return error.code() == Code::does_not_fit ? std::string() : error.what();
  }
}

}  // namespace

std::string no_export(int ordinal) {
  return failure_of([&] {
    if (!attribute(ordinal, cuda::CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED)) throw Error{Code::unsupported, "the driver has no cuMemCreate for this GPU"};
    if (!attribute(ordinal, cuda::CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED)) {
      throw Error{Code::unsupported, "the driver exports no memory of this GPU as a descriptor"};
    }
    const Context context(ordinal);
    const Handle handle = Handle::create(context.device(), granularity(context.device()));
    const Descriptor exported = handle.exported();
  });
}

std::string no_registering(int ordinal) {
  return failure_of([&] {
    if (!attribute(ordinal, cuda::CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED)) throw Error{Code::unsupported, "the driver registers no memory of the host"};
    const Context context(ordinal);
    std::vector<Descriptor> descriptors;
    descriptors.push_back(make_memfd("yoke-probe", kProbeBytes));
    const RegisteredMemory memory(ordinal, std::move(descriptors));
  });
}

std::string no_page_tables(int ordinal) {
  return failure_of([&] {
    if (!attribute(ordinal, cuda::CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS)) throw Error{Code::unsupported, "the GPU does not read the host's pages"};
  });
}

// Where GPU and host have one memory, cuMemGetInfo leaves out the page cache, which gives way.
uint64_t device_bytes(int ordinal) {
  const Context context(ordinal);
  size_t free = 0, total = 0;
  check(driver().cuMemGetInfo(&free, &total), "cuMemGetInfo");
  if (!attribute(ordinal, cuda::CU_DEVICE_ATTRIBUTE_INTEGRATED)) return free;
  return std::min<uint64_t>(topology::probe_node().memory_available_bytes, total);
}

std::unique_ptr<PoolMemory> create_exported(int ordinal, uint64_t wanted, uint64_t directory_bytes) {
  const Context context(ordinal);
  const uint64_t available = device_bytes(ordinal);
  const uint64_t bytes = whole_units(wanted, context.device());
  if (bytes > available) {
    throw Error{Code::does_not_fit, fmt::format("a pool of {} does not fit on GPU {}: {} of its memory are free; use more GPUs, fewer KV blocks or "
                                                "a smaller format, or end other programs that use it",
                                                format_bytes(bytes), ordinal, format_bytes(available))};
  }
  Descriptor directory = make_memfd("yoke-directory", directory_bytes);
  const Handle handle = Handle::create(context.device(), bytes);
  Descriptor exported = handle.exported();
  auto memory = std::make_unique<ExportedMemory>(ordinal, handle, bytes, std::move(exported), std::move(directory));
  memory->clear();
  return memory;
}

std::unique_ptr<PoolMemory> attach_exported(int ordinal, std::vector<Descriptor> descriptors) {
  if (descriptors.size() != 2) throw Error{Code::bad_file, fmt::format("{} descriptors of a pool on a GPU, expected two", descriptors.size())};
  const Context context(ordinal);
  const Mapping directory(descriptors[0].get(), sealed_size(descriptors[0].get()));
  const uint64_t bytes = whole_units(pool_bytes({directory.data(), directory.bytes()}), context.device());
  const Handle handle = Handle::import(descriptors[1].get());
  return std::make_unique<ExportedMemory>(ordinal, handle, bytes, std::move(descriptors[1]), std::move(descriptors[0]));
}

std::unique_ptr<PoolMemory> attach_registered(int ordinal, std::vector<Descriptor> descriptors) {
  return std::make_unique<RegisteredMemory>(ordinal, std::move(descriptors));
}

}  // namespace yoke::node::gpu
