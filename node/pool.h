// The memory an agent holds for weights and KV cache: an arena of named, versioned regions with a directory that a new engine
// reads. It outlives engines. The agent creates and fills it; an engine attaches by its descriptors. node/pool_memory.h says where
// it may lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/weight_format.h"
#include "node/pool_memory.h"

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
  // Takes all memory at once: Error{does_not_fit} with the numbers if the system, or the device, has it not.
  static Pool create(std::vector<Region> regions, PoolPlace place = PoolPlace::host, int device = 0);
  using MakeMemory = std::function<std::unique_ptr<PoolMemory>(uint64_t bytes, uint64_t directory_bytes)>;
  static Pool create(std::vector<Region> regions, const MakeMemory& make);
  // Maps what another process created. Error{bad_file} if the directory is not one.
  static Pool attach(std::vector<Descriptor> descriptors, PoolPlace place = PoolPlace::host, int device = 0);
  static Pool attach(int fd);  // in the host's memory; takes over `fd`

  Pool() = default;
  Pool(Pool&& other) noexcept;
  Pool& operator=(Pool&& other) noexcept;

  bool empty() const { return memory_ == nullptr; }
  int fd() const { return memory_ ? memory_->descriptors().at(0) : -1; }
  std::vector<int> descriptors() const { return memory_ ? memory_->descriptors() : std::vector<int>(); }
  uint64_t bytes() const { return bytes_; }
  const std::vector<Region>& regions() const { return regions_; }
  const Region* find(std::string_view name) const;  // null where there is none
  const Region& at(std::string_view name) const;  // asserts
  // As kernels address it, and as the host does: null where the host has to copy (memory().copies()).
  std::byte* data(const Region& region) const { return memory_->kernels() + region.offset; }
  std::byte* host(const Region& region) const { return memory_->host() ? memory_->host() + region.offset : nullptr; }
  PoolMemory& memory() const { return *memory_; }

 private:
  void keep(std::vector<Region> regions);

  std::unique_ptr<PoolMemory> memory_;
  uint64_t bytes_ = 0;  // as the directory says: what the memory rounds up is not counted
  std::vector<Region> regions_;
  std::unordered_map<std::string_view, const Region*> by_name_;  // into regions_, which does not change
};

}  // namespace yoke::node
