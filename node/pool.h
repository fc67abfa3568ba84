// The memory an agent holds for weights and KV cache: one memfd, an arena of named, versioned regions with a directory at its
// start that a new engine maps. It outlives engines. The agent creates and fills it; an engine attaches by its descriptor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"

namespace yoke::node {

struct Region {
  std::string name;           // parallel/slice.h
  Dtype dtype = Dtype::f32;
  int64_t rows = 0, cols = 0; // of a packed matrix; {1, n} of a vector
  uint64_t bytes = 0;
  uint64_t offset = 0;        // set by create(); 64-byte aligned (4 KiB for regions of 1 MiB and more)
  uint32_t version = 1;       // model instance that wrote it
};

class Pool {
 public:
  // Takes all memory at once (fallocate): Error{does_not_fit} with the numbers if the system has it not.
  static Pool create(std::vector<Region> regions);
  // Maps what another process created; takes over `fd`. Error{bad_file} if the directory is not one.
  static Pool attach(int fd);

  Pool() = default;
  Pool(Pool&& other) noexcept;
  Pool& operator=(Pool&& other) noexcept;
  ~Pool();

  bool empty() const { return data_ == nullptr; }
  int fd() const { return fd_; }
  uint64_t bytes() const { return bytes_; }
  const std::vector<Region>& regions() const { return regions_; }
  const Region* find(std::string_view name) const;
  const Region& at(std::string_view name) const;  // asserts
  std::byte* data(const Region& region) const { return data_ + region.offset; }

 private:
  int fd_ = -1;
  std::byte* data_ = nullptr;
  uint64_t bytes_ = 0;
  std::vector<Region> regions_;
};

}  // namespace yoke::node
