// A checkpoint's file, read past the page cache: on a Spark the cache competes with the pool for the same memory. Where the file
// system has no direct I/O (tmpfs), it is read through the cache and dropped from it. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

namespace yoke::node {

class DirectFile {
 public:
  // Error{not_found} if it cannot be opened, Error{bad_file} if it is not expected_bytes long.
  DirectFile(std::filesystem::path path, uint64_t expected_bytes);
  ~DirectFile();
  DirectFile(const DirectFile&) = delete;
  DirectFile& operator=(const DirectFile&) = delete;

  // Bytes [offset, offset + bytes) of the file, valid until the next call. Error{bad_file} with file and offset when they
  // cannot be read.
  std::span<const std::byte> read(uint64_t offset, uint64_t bytes);

  // Error{bad_file} if the file's size or modification time is no longer that of opening.
  void check_unchanged() const;

  bool direct() const { return direct_; }

 private:
  struct Stamp {
    uint64_t bytes;
    int64_t modified_s, modified_ns;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  struct Free {
    void operator()(std::byte* data) const;
  };

  Stamp stamp() const;
  void reserve(uint64_t bytes);
  uint64_t fill(uint64_t begin, uint64_t bytes);
  void leave_direct_io();

  std::filesystem::path path_;
  int fd_ = -1;
  bool direct_ = true;
  Stamp opened_{};
  std::unique_ptr<std::byte, Free> staging_;  // aligned to kSector
  uint64_t staging_bytes_ = 0;
};

}  // namespace yoke::node
