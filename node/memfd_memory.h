// A pool in a memfd that its owner maps: the memory of the places host, registered and in_place.
#pragma once

#include "node/pool_memory.h"

namespace yoke::node {

// A memfd of `bytes`, taken at once and its size sealed. Error{does_not_fit} with the numbers.
Descriptor make_memfd(const char* name, uint64_t bytes);
uint64_t sealed_size(int fd);  // Error{bad_file} for what is no such memory

// A shared mapping of a memfd, readable and writable.
class Mapping {
 public:
  Mapping() = default;
  Mapping(int fd, uint64_t bytes);  // Error{does_not_fit}
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();
  std::byte* data() const { return data_; }
  uint64_t bytes() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  uint64_t bytes_ = 0;
};

class MemfdMemory : public PoolMemory {
 public:
  MemfdMemory(uint64_t bytes, PoolPlace place);  // takes it
  MemfdMemory(std::vector<Descriptor> descriptors, PoolPlace place);

  PoolPlace place() const override { return place_; }
  uint64_t bytes() const override { return mapping_.bytes(); }
  std::byte* host() const override { return mapping_.data(); }
  std::byte* kernels() const override { return mapping_.data(); }
  std::span<std::byte> directory() const override { return {mapping_.data(), mapping_.bytes()}; }
  std::vector<int> descriptors() const override { return {fd_.get()}; }
  std::unique_ptr<DeviceCopies> copies(int, uint64_t) override { return nullptr; }

 private:
  PoolPlace place_;
  Descriptor fd_;
  Mapping mapping_;
};

}  // namespace yoke::node
