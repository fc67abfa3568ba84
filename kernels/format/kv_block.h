// Where a key or a value lies in a block of the paged cache (kernels/ops.h states the layout).
#pragma once

#include <algorithm>

#include "core/units.h"
#include "kernels/ops.h"

namespace yoke::kernels::format {

// One block's share of one KV head.
struct KvHeadBlock {
  std::byte* keys;      // [key_dim, 16 tokens] of the cache's type
  std::byte* values;    // [16 tokens, value_dim]
  float* key_scales;    // [16 tokens]; null where the type has none
  float* value_scales;
};

inline KvHeadBlock kv_head_block(const KvCacheView& cache, int64_t block, int64_t kv_head) {
  std::byte* keys = cache.data + block * cache.block_bytes();
  std::byte* values = keys + cache.kv_heads * cache.key_bytes();
  KvHeadBlock at{keys + kv_head * cache.key_bytes(), values + kv_head * cache.value_bytes(), nullptr, nullptr};
  if (!kv_has_scales(cache.type)) return at;
  // Codes take a multiple of 16 bytes, so the scales are aligned.
  at.key_scales = reinterpret_cast<float*>(values + cache.kv_heads * cache.value_bytes()) + kv_head * kKvBlockTokens;
  at.value_scales = at.key_scales + cache.kv_heads * kKvBlockTokens;
  return at;
}

// What a row sees under a sliding window; 0: no window.
inline Range visible_positions(const RowPlace& row, int64_t window) {
  return {window > 0 ? std::max<int64_t>(0, row.end - window) : 0, row.end};
}

}  // namespace yoke::kernels::format
