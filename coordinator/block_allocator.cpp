#include "coordinator/block_allocator.h"

#include "core/error.h"

namespace yoke::coordinator {

BlockAllocator::BlockAllocator(int64_t blocks) : taken_(static_cast<size_t>(blocks), false) {
  free_.reserve(taken_.size());
  // The lowest numbers are taken first: a short run touches little of the cache.
  for (int64_t block = blocks - 1; block >= 0; --block) free_.push_back(static_cast<uint32_t>(block));
}

void BlockAllocator::take(int64_t count, std::vector<uint32_t>& table) {
  YOKE_ASSERT(count <= free());
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t block = free_.back();
    free_.pop_back();
    taken_[block] = true;
    table.push_back(block);
  }
}

void BlockAllocator::give_back(std::vector<uint32_t>& table) {
  for (const uint32_t block : table) {
    YOKE_ASSERT(block < taken_.size() && taken_[block]);
    taken_[block] = false;
    free_.push_back(block);
  }
  table.clear();
}

}  // namespace yoke::coordinator
