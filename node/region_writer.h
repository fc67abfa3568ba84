// Puts what was read of tensors into the regions of a pool, wherever the pool lies: at once where the host can write it, else by
// packing into buffers that the device copies from. Those copies run beside the packing of the next pieces; what is held of a region
// meanwhile is a few pieces, never all of it (docs/loading.md).
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <vector>

#include "node/pool.h"
#include "node/put_part.h"

namespace yoke::node {

// Of a pool on a device; all zero elsewhere.
struct CopyTimes {
  uint64_t bytes = 0;      // that were copied
  Duration copying{};      // that the device spent on it
  Duration waiting{};      // that callers spent until a buffer was free, and at the end
};

class Staging;

class RegionWriter {
 public:
  // The regions of `slices`, which the pool must have; both outlive it. `threads` call put() at once, at most.
  RegionWriter(const std::vector<parallel::Slice>& slices, const Pool& pool, int threads);
  ~RegionWriter();

  // Indices of a part of one of the slices, whose first line lies at `line`. Every index of every part once. Any thread. Error as put().
  void put(const TensorPart& part, Range index, const std::byte* line);
  // After the last put(): when it returns, all is in the pool. What went wrong with a copy is thrown here or by a put().
  void finish();
  CopyTimes times() const;

 private:
  const std::vector<parallel::Slice>& slices_;
  std::vector<std::byte*> targets_;  // one a slice, where the host writes the pool
  std::unique_ptr<Staging> staging_;  // where it does not
  std::array<std::mutex, 64> orders_;  // pieces that share a panel are put in place one after the other
};

// How much memory it holds beside the pool, with so many threads and this pool's place.
uint64_t staging_bytes(PoolPlace place, int threads);

}  // namespace yoke::node
