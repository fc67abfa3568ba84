#include "node/memfd_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/units.h"
#include "topology/node_info.h"

namespace yoke::node {
namespace {

// Nobody may cut the file under a mapping: reading past its end would be SIGBUS.
constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW;

[[noreturn]] void refuse_size(uint64_t bytes, uint64_t available, const std::string& reason) {
  throw Error{Code::does_not_fit, fmt::format("a pool of {} does not fit: {} of memory are available ({}); use more nodes, fewer "
                                              "KV blocks or a smaller format, or end other programs",
                                              format_bytes(bytes), format_bytes(available), reason)};
}

// fallocate() takes the pages now. Linux would take the last one and then kill somebody, so the system is asked first.
void take_memory(int fd, uint64_t bytes) {
  const uint64_t available = topology::probe_node().memory_available_bytes;
  if (bytes > available) refuse_size(bytes, available, "MemAvailable");
  if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) refuse_size(bytes, available, std::strerror(errno));
  int result;
  do {
    result = fallocate(fd, 0, 0, static_cast<off_t>(bytes));
  } while (result != 0 && errno == EINTR);
  if (result != 0) refuse_size(bytes, available, std::strerror(errno));
}

Descriptor only(std::vector<Descriptor> descriptors) {
  if (descriptors.size() != 1) throw Error{Code::bad_file, fmt::format("{} descriptors of a pool in a memfd, expected one", descriptors.size())};
  return std::move(descriptors[0]);
}

}  // namespace

Descriptor make_memfd(const char* name, uint64_t bytes) {
  Descriptor fd(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (fd.get() < 0) throw Error{Code::internal, fmt::format("memfd_create: {}", std::strerror(errno))};
  take_memory(fd.get(), bytes);
  if (fcntl(fd.get(), F_ADD_SEALS, kSizeSeals) != 0) {
    throw Error{Code::internal, fmt::format("sealing the pool's size: {}", std::strerror(errno))};
  }
  return fd;
}

uint64_t sealed_size(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) throw Error{Code::bad_file, fmt::format("the pool's descriptor: {}", std::strerror(errno))};
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
    throw Error{Code::bad_file, "the pool's descriptor is no memory whose size is sealed"};
  }
  if (status.st_size == 0) throw Error{Code::bad_file, "the pool is empty"};
  return static_cast<uint64_t>(status.st_size);
}

// No madvise(MADV_HUGEPAGE): shared memory follows /sys/kernel/mm/transparent_hugepage/shmem_enabled, which Debian and Ubuntu
// ship as `never`, and the advice then changes nothing.
Mapping::Mapping(int fd, uint64_t bytes) : bytes_(bytes) {
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) {
    throw Error{Code::does_not_fit, fmt::format("mapping a pool of {}: {}", format_bytes(bytes), std::strerror(errno))};
  }
  data_ = static_cast<std::byte*>(data);
}

Mapping::Mapping(Mapping&& other) noexcept : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

MemfdMemory::MemfdMemory(uint64_t bytes, PoolPlace place)
    : place_(place), fd_(make_memfd("yoke-pool", bytes)), mapping_(fd_.get(), bytes) {}

MemfdMemory::MemfdMemory(std::vector<Descriptor> descriptors, PoolPlace place)
    : place_(place), fd_(only(std::move(descriptors))), mapping_(fd_.get(), sealed_size(fd_.get())) {}

}  // namespace yoke::node
