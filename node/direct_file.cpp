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

}  // namespace

void DirectFile::Free::operator()(std::byte* data) const { std::free(data); }

DirectFile::DirectFile(std::filesystem::path path, uint64_t expected_bytes) : path_(std::move(path)) {
  fd_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
  if (fd_ < 0 && errno == EINVAL) {
    direct_ = false;
    fd_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  }
  if (fd_ < 0) throw Error{Code::not_found, fmt::format("{}: {}", path_.string(), std::strerror(errno))};
  try {
    opened_ = stamp();
    if (opened_.bytes != expected_bytes) {
      throw Error{Code::bad_file, fmt::format("{}: {} bytes long, it had {} when it was opened; load it again when it is complete",
                                              path_.string(), opened_.bytes, expected_bytes)};
    }
  } catch (...) {
    close(fd_);
    throw;
  }
}

DirectFile::~DirectFile() { close(fd_); }

std::span<const std::byte> DirectFile::read(uint64_t offset, uint64_t bytes) {
  const uint64_t begin = sector_down(offset), end = sector_up(offset + bytes);
  reserve(end - begin);
  const uint64_t got = fill(begin, end - begin);
  if (begin + got < offset + bytes) {
    throw Error{Code::bad_file, fmt::format("{}: ends at byte {}, expected {} bytes from {}", path_.string(), begin + got, bytes, offset)};
  }
  if (!direct_) posix_fadvise(fd_, static_cast<off_t>(begin), static_cast<off_t>(end - begin), POSIX_FADV_DONTNEED);
  return {staging_.get() + (offset - begin), bytes};
}

void DirectFile::check_unchanged() const {
  if (stamp() == opened_) return;
  throw Error{Code::bad_file, fmt::format("{}: changed while it was read; load the model again", path_.string())};
}

DirectFile::Stamp DirectFile::stamp() const {
  struct stat status {};
  if (fstat(fd_, &status) != 0) throw Error{Code::bad_file, fmt::format("{}: {}", path_.string(), std::strerror(errno))};
  return {static_cast<uint64_t>(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

void DirectFile::reserve(uint64_t bytes) {
  if (bytes <= staging_bytes_) return;
  staging_.reset(static_cast<std::byte*>(std::aligned_alloc(kSector, bytes)));
  if (staging_ == nullptr) throw std::bad_alloc();
  staging_bytes_ = bytes;
}

// Reads until `bytes` are there or the file ends; returns how many came.
uint64_t DirectFile::fill(uint64_t begin, uint64_t bytes) {
  uint64_t got = 0;
  while (got < bytes) {
    const ssize_t n = pread(fd_, staging_.get() + got, bytes - got, static_cast<off_t>(begin + got));
    if (n == 0) break;
    if (n > 0) {
      got += static_cast<uint64_t>(n);
      // A short direct read ends where the file does; going on there would be unaligned.
      if (direct_ && got % kSector != 0) break;
    } else if (direct_ && errno == EINVAL) {
      leave_direct_io();
    } else if (errno != EINTR) {
      throw Error{Code::bad_file, fmt::format("{}: reading at byte {}: {}", path_.string(), begin + got, std::strerror(errno))};
    }
  }
  return got;
}

// Some file systems open with O_DIRECT and refuse to read so.
void DirectFile::leave_direct_io() {
  direct_ = false;
  const int flags = fcntl(fd_, F_GETFL);
  if (flags < 0 || fcntl(fd_, F_SETFL, flags & ~O_DIRECT) != 0) {
    throw Error{Code::bad_file, fmt::format("{}: {}", path_.string(), std::strerror(errno))};
  }
}

}  // namespace yoke::node
