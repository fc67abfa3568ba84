// The paged KV cache of one rank: where each held half of each of its layers keeps its blocks. The coordinator owns the block
// tables; a block's number means the same in every layer and half.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "kernels/ops.h"
#include "node/pool.h"
#include "parallel/plan.h"

namespace yoke::node {

class KvCache {
 public:
  // The views lie in `pool`, which must outlive them. Error{bad_file} if a region of the pool is not what the plan says.
  KvCache(const parallel::Plan& plan, int rank, const model::ModelConfig& config, const Pool& pool);

  // `layer` counts over the whole model. An empty half has a view without KV heads.
  const kernels::KvCacheView& view(int64_t layer, int half) const { return views_[static_cast<size_t>(layer - first_layer_)][half]; }
  int64_t blocks() const { return blocks_; }

 private:
  int64_t first_layer_ = 0;
  int64_t blocks_ = 0;
  std::vector<std::array<kernels::KvCacheView, 2>> views_;
};

}  // namespace yoke::node
