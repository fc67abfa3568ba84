// The chunks that a manifest's hashes stand for, and the hash: XXH3 of 64 bits (docs/decisions/0009). It finds what disks, cables
// and copies do to a file; against somebody who means to deceive, it is no seal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/checkpoint.h"

namespace yoke::model {

inline constexpr uint64_t kMostChunkBytes = 256 << 10;

// Never 0: that stands for a chunk whose hash is not known.
uint64_t chunk_hash(std::span<const std::byte> bytes);

// Of more bytes than are held at once. One thread.
class RunningHash {
 public:
  RunningHash();
  ~RunningHash();
  RunningHash(const RunningHash&) = delete;
  RunningHash& operator=(const RunningHash&) = delete;
  void add(std::span<const std::byte> bytes);
  uint64_t value() const;  // as chunk_hash of all of them

 private:
  struct State;
  State* state_;
};

// Chunks are counted from the tensor's start and hold a power of two of its lines (outputs, mostly), so that the edges of what a
// rank reads fall on edges of chunks. A 256th of a matrix at most where that is between 32 and 256 KiB: what is read
// beyond a rank's part, out to the next edge, stays under 2 % of it.
uint64_t chunk_bytes(const TensorInfo& tensor);
uint64_t chunk_count(const TensorInfo& tensor);

}  // namespace yoke::model
