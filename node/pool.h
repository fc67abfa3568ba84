// The memory an agent holds for weights and KV cache: one memfd, an arena of named, versioned regions with a directory at its
// start that a new engine maps. It outlives engines. The agent creates and fills it; an engine attaches by its descriptor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/weight_format.h"

namespace yoke::node {

struct Region {
  std::string name;           // parallel/slice.h
  PackedShape shape;          // of a packed matrix; without rows: a vector of f32, or KV cache
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
  const Region* find(std::string_view name) const;  // null where there is none
  const Region& at(std::string_view name) const;  // asserts
  std::byte* data(const Region& region) const { return data_ + region.offset; }

 private:
  void keep(std::vector<Region> regions);

  int fd_ = -1;
  std::byte* data_ = nullptr;
  uint64_t bytes_ = 0;
  std::vector<Region> regions_;
  std::unordered_map<std::string_view, const Region*> by_name_;  // into regions_, which does not change
};

}  // namespace yoke::node
