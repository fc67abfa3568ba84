#include "node/kv_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "parallel/slice.h"

namespace yoke::node {
namespace {

int64_t blocks_in(const Region& region, int64_t block_bytes) {
  const int64_t blocks = static_cast<int64_t>(region.bytes) / block_bytes;
  if (blocks * block_bytes == static_cast<int64_t>(region.bytes)) return blocks;
  throw Error{Code::bad_file,
              fmt::format("the pool's {} has {} bytes, expected whole blocks of {}", region.name, region.bytes, block_bytes)};
}

}  // namespace

KvCache::KvCache(const parallel::Plan& plan, int rank, const model::ModelConfig& config, const Pool& pool) {
  const parallel::RankPlan& r = plan.ranks.at(static_cast<size_t>(rank));
  first_layer_ = r.layers.begin;
  // A rank may hold empty halves only; then any block's number will do.
  blocks_ = std::numeric_limits<int32_t>::max();
  for (int64_t layer = r.layers.begin; layer < r.layers.end; ++layer) {
    auto& views = views_.emplace_back();
    for (const int half : r.halves) {
      kernels::KvCacheView& view = views[static_cast<size_t>(half)];
      static_cast<KvShape&>(view) = parallel::kv_shape(plan, config, layer, half);
      if (view.kv_heads == 0) continue;
      const int held = parallel::kv_half(plan.layers[static_cast<size_t>(layer)], half);
      const std::string name = parallel::kv_region_name(static_cast<int>(layer), held);
      const Region* region = pool.find(name);
      if (region == nullptr) throw Error{Code::bad_file, fmt::format("the pool has no region {}", name)};
      blocks_ = std::min(blocks_, blocks_in(*region, view.block_bytes()));
      view.data = pool.data(*region);
    }
  }
}

}  // namespace yoke::node
