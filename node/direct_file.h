// A checkpoint's file, read past the page cache: on a Spark the cache competes with the pool for the same memory. Where the file
// system has no direct I/O (tmpfs), it is read through the cache and dropped from it. Any thread, each with a buffer of its own.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

namespace yoke::node {

// Memory that direct I/O can read into. One thread.
class DirectBuffer {
 public:
  std::byte* reserve(uint64_t bytes);  // keeps nothing of what was in it

 private:
  struct Free {
    void operator()(std::byte* data) const;
  };
  std::unique_ptr<std::byte, Free> data_;
  uint64_t bytes_ = 0;
};

class DirectFile {
 public:
  // What the file was when its header was read.
  struct Expected {
    uint64_t bytes = 0;
    int64_t modified_ns = 0;  // since 1970; 0: any
  };

  // Error{not_found} if it cannot be opened, Error{bad_file} if it is not what is expected.
  DirectFile(std::filesystem::path path, Expected expected);
  ~DirectFile();
  DirectFile(const DirectFile&) = delete;
  DirectFile& operator=(const DirectFile&) = delete;

  // Bytes [offset, offset + bytes) of the file, in `buffer` until it is used again. Error{bad_file} with file and offset when they
  // cannot be read.
  std::span<const std::byte> read(uint64_t offset, uint64_t bytes, DirectBuffer& buffer);

  // Error{bad_file} if size or time are no longer those of opening, or if another file has its name by now.
  void check_unchanged() const;

  bool direct() const { return direct_; }
  uint64_t requested_bytes() const { return requested_; }  // of the system, whole sectors

 private:
  struct Stamp {
    uint64_t bytes, inode, device;
    int64_t modified_ns;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };

  Stamp opened_stamp() const;
  void demand(Expected expected) const;
  uint64_t fill(uint64_t begin, std::span<std::byte> into);
  void leave_direct_io();

  std::filesystem::path path_;
  int fd_ = -1;
  std::atomic<bool> direct_ = true;
  std::atomic<uint64_t> requested_ = 0;
  Stamp opened_{};
};

}  // namespace yoke::node
