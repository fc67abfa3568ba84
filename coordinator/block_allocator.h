// Which blocks of the KV cache are free. All ranks have the same number of blocks, so one account serves the group.
// One thread.
#pragma once

#include <cstdint>
#include <vector>

namespace yoke::coordinator {

class BlockAllocator {
 public:
  explicit BlockAllocator(int64_t blocks);

  int64_t total() const { return static_cast<int64_t>(taken_.size()); }
  int64_t free() const { return static_cast<int64_t>(free_.size()); }
  int64_t used() const { return total() - free(); }

  // Appends `count` blocks to `table`; the caller has looked at free().
  void take(int64_t count, std::vector<uint32_t>& table);
  // Gives all blocks of `table` back and empties it.
  void give_back(std::vector<uint32_t>& table);

 private:
  std::vector<uint32_t> free_;
  std::vector<bool> taken_;  // a block given back twice would be shared by two sequences: asserted
};

}  // namespace yoke::coordinator
