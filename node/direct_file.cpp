#include "node/direct_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "core/error.h"

namespace yoke::node {
namespace {

// Direct I/O wants offsets, lengths and addresses in multiples of the device's block; no device in use has a larger one.
constexpr uint64_t kSector = 4096;

uint64_t sector_down(uint64_t offset) { return offset / kSector * kSector; }
uint64_t sector_up(uint64_t offset) { return (offset + kSector - 1) / kSector * kSector; }

[[noreturn]] void refuse_changed(const std::filesystem::path& path) {
  throw Error{Code::bad_file, fmt::format("{}: changed while it was read; load the model again", path.string())};
}

}  // namespace

void DirectBuffer::Free::operator()(std::byte* data) const { std::free(data); }

std::byte* DirectBuffer::reserve(uint64_t bytes) {
  if (bytes > bytes_) {
    data_.reset();
    data_.reset(static_cast<std::byte*>(std::aligned_alloc(kSector, sector_up(bytes))));
    if (data_ == nullptr) throw std::bad_alloc();
    bytes_ = bytes;
  }
  return data_.get();
}

DirectFile::DirectFile(std::filesystem::path path, Expected expected) : path_(std::move(path)) {
  fd_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
  if (fd_ < 0 && errno == EINVAL) {
    direct_ = false;
    fd_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  }
  if (fd_ < 0) throw Error{Code::not_found, fmt::format("{}: {}", path_.string(), std::strerror(errno))};
  try {
    opened_ = opened_stamp();
    demand(expected);
  } catch (...) {
    close(fd_);
    throw;
  }
}

DirectFile::~DirectFile() { close(fd_); }

void DirectFile::demand(Expected expected) const {
  if (opened_.bytes != expected.bytes) {
    throw Error{Code::bad_file, fmt::format("{}: {} bytes long, it had {} when it was opened; load it again when it is complete",
                                            path_.string(), opened_.bytes, expected.bytes)};
  }
  if (expected.modified_ns != 0 && opened_.modified_ns != expected.modified_ns) refuse_changed(path_);
}

std::span<const std::byte> DirectFile::read(uint64_t offset, uint64_t bytes, DirectBuffer& buffer) {
  const uint64_t begin = sector_down(offset), end = sector_up(offset + bytes);
  std::byte* const data = buffer.reserve(end - begin);
  const uint64_t got = fill(begin, {data, end - begin});
  if (begin + got < offset + bytes) {
    throw Error{Code::bad_file, fmt::format("{}: ends at byte {}, expected {} bytes from {}", path_.string(), begin + got, bytes, offset)};
  }
  if (!direct_) posix_fadvise(fd_, static_cast<off_t>(begin), static_cast<off_t>(end - begin), POSIX_FADV_DONTNEED);
  return {data + (offset - begin), bytes};
}

void DirectFile::check_unchanged() const {
  struct stat named {};
  if (opened_stamp() != opened_) refuse_changed(path_);
  if (stat(path_.c_str(), &named) != 0) throw Error{Code::bad_file, fmt::format("{}: {}", path_.string(), std::strerror(errno))};
  if (named.st_ino != opened_.inode || named.st_dev != opened_.device) refuse_changed(path_);
}

DirectFile::Stamp DirectFile::opened_stamp() const {
  struct stat status {};
  if (fstat(fd_, &status) != 0) throw Error{Code::bad_file, fmt::format("{}: {}", path_.string(), std::strerror(errno))};
  return {static_cast<uint64_t>(status.st_size), status.st_ino, status.st_dev, status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
}

// Reads until `into` is full or the file ends; returns how many bytes came.
uint64_t DirectFile::fill(uint64_t begin, std::span<std::byte> into) {
  uint64_t got = 0;
  requested_ += into.size();
  while (got < into.size()) {
    const bool direct = direct_;
    const ssize_t n = pread(fd_, into.data() + got, into.size() - got, static_cast<off_t>(begin + got));
    if (n == 0) break;
    if (n > 0) {
      got += static_cast<uint64_t>(n);
      // A short direct read ends where the file does; going on there would be unaligned.
      if (direct && got % kSector != 0) break;
    } else if (direct && errno == EINVAL) {
      leave_direct_io();
    } else if (errno != EINTR) {
      throw Error{Code::bad_file, fmt::format("{}: reading at byte {}: {}", path_.string(), begin + got, std::strerror(errno))};
    }
  }
  return got;
}

// Some file systems open with O_DIRECT and refuse to read so. Several threads may find that out.
void DirectFile::leave_direct_io() {
  const int flags = fcntl(fd_, F_GETFL);
  if (flags < 0 || fcntl(fd_, F_SETFL, flags & ~O_DIRECT) != 0) {
    throw Error{Code::bad_file, fmt::format("{}: {}", path_.string(), std::strerror(errno))};
  }
  direct_ = false;
}

}  // namespace yoke::node
