#include "node/pool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/descriptor.h"
#include "core/error.h"
#include "core/units.h"
#include "node/pool_directory.h"
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

// No madvise(MADV_HUGEPAGE): shared memory follows /sys/kernel/mm/transparent_hugepage/shmem_enabled, which Debian and Ubuntu
// ship as `never`, and the advice then changes nothing.
std::byte* map(int fd, uint64_t bytes) {
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) {
    throw Error{Code::does_not_fit, fmt::format("mapping a pool of {}: {}", format_bytes(bytes), std::strerror(errno))};
  }
  return static_cast<std::byte*>(data);
}

uint64_t sealed_size(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) throw Error{Code::bad_file, fmt::format("the pool's descriptor: {}", std::strerror(errno))};
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
    throw Error{Code::bad_file, "the pool's descriptor is no memory whose size is sealed"};
  }
  return static_cast<uint64_t>(status.st_size);
}

}  // namespace

Pool Pool::create(std::vector<Region> regions) {
  Pool pool;
  pool.bytes_ = lay_out(regions);
  Descriptor fd(memfd_create("yoke-pool", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (fd.get() < 0) throw Error{Code::internal, fmt::format("memfd_create: {}", std::strerror(errno))};
  take_memory(fd.get(), pool.bytes_);
  if (fcntl(fd.get(), F_ADD_SEALS, kSizeSeals) != 0) {
    throw Error{Code::internal, fmt::format("sealing the pool's size: {}", std::strerror(errno))};
  }
  pool.data_ = map(fd.get(), pool.bytes_);
  pool.fd_ = fd.release();
  write_directory(regions, {pool.data_, pool.bytes_});
  pool.keep(std::move(regions));
  return pool;
}

Pool Pool::attach(int owned) {
  Descriptor fd(owned);
  Pool pool;
  pool.bytes_ = sealed_size(fd.get());
  if (pool.bytes_ == 0) throw Error{Code::bad_file, "the pool is empty"};
  pool.data_ = map(fd.get(), pool.bytes_);
  pool.fd_ = fd.release();
  pool.keep(read_directory({pool.data_, pool.bytes_}));
  return pool;
}

Pool::Pool(Pool&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      regions_(std::move(other.regions_)),
      by_name_(std::move(other.by_name_)) {
  other.regions_.clear();
  other.by_name_.clear();
}

Pool& Pool::operator=(Pool&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(regions_, other.regions_);
  std::swap(by_name_, other.by_name_);
  return *this;
}

Pool::~Pool() {
  if (data_ != nullptr) munmap(data_, bytes_);
  if (fd_ >= 0) close(fd_);
}

void Pool::keep(std::vector<Region> regions) {
  regions_ = std::move(regions);
  by_name_.reserve(regions_.size());
  for (const Region& region : regions_) by_name_.emplace(region.name, &region);
}

const Region* Pool::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

const Region& Pool::at(std::string_view name) const {
  const Region* region = find(name);
  YOKE_ASSERT(region != nullptr);
  return *region;
}

}  // namespace yoke::node
