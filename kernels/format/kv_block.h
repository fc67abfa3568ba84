// Where a key or a value lies in a block of the paged cache (kernels/ops.h states the layout).
#pragma once

#include "kernels/ops.h"

namespace yoke::kernels::format {

// K of one block and KV head: [head_dim, 16 tokens].
inline float* key_block(const KvCacheView& cache, int64_t block, int64_t kv_head) {
  return cache.data + block * cache.block_floats() + kv_head * cache.head_dim * kKvBlockTokens;
}

// V of one block and KV head: [16 tokens, head_dim].
inline float* value_block(const KvCacheView& cache, int64_t block, int64_t kv_head) {
  return key_block(cache, block, cache.kv_heads + kv_head);
}

}  // namespace yoke::kernels::format
