#include "node/kv_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "parallel/slice.h"

namespace yoke::node {
namespace {

int64_t blocks_in(const Region& region, int64_t block_floats) {
  const int64_t blocks = static_cast<int64_t>(region.bytes / (static_cast<uint64_t>(block_floats) * sizeof(float)));
  if (region.dtype == Dtype::f32 && region.cols == block_floats && region.rows == blocks) return blocks;
  throw Error{Code::bad_file, fmt::format("the pool's {} holds {} x {} values in {} bytes, expected blocks of {} values", region.name,
                                          region.rows, region.cols, region.bytes, block_floats)};
}

}  // namespace

KvCache::KvCache(const parallel::Plan& plan, int rank, int64_t head_dim, const Pool& pool) {
  const parallel::RankPlan& r = plan.ranks.at(static_cast<size_t>(rank));
  first_layer_ = r.layers.begin;
  // A rank may hold empty halves only; then any block's number will do.
  blocks_ = std::numeric_limits<int32_t>::max();
  for (int64_t layer = r.layers.begin; layer < r.layers.end; ++layer) {
    auto& views = views_.emplace_back();
    for (const int half : r.halves) {
      kernels::KvCacheView& view = views[static_cast<size_t>(half)];
      view.kv_heads = plan.layers[static_cast<size_t>(layer)].half[half].kv_heads.size();
      view.head_dim = head_dim;
      if (view.kv_heads == 0) continue;
      const std::string name = parallel::kv_region_name(static_cast<int>(layer), half);
      const Region* region = pool.find(name);
      if (region == nullptr) throw Error{Code::bad_file, fmt::format("the pool has no region {}", name)};
      blocks_ = std::min(blocks_, blocks_in(*region, view.block_floats()));
      view.data = reinterpret_cast<float*>(pool.data(*region));
    }
  }
}

}  // namespace yoke::node
