// What the kernels of attention.cu take.
#pragma once

#include <cstdint>

#include "kernels/cuda/elementwise_params.h"
#include "kernels/cuda/kv_params.h"

namespace yoke::kernels::cuda {

// A block: 256 threads that hold a position of a split each, then an element of the value; one more warp sums weights.
inline constexpr int32_t kAttentionPositions = 256;
inline constexpr uint32_t kAttentionThreads = 288;
inline constexpr int32_t kQuadHeads = 4;   // query heads that share what is read of a key or a value
inline constexpr int32_t kMostQuads = 4;   // of a block

struct AttentionHalf {
  const float* q;
  int64_t q_stride;
  const RowPlaceData* rows;
  KvParams cache;
  int32_t heads_per_kv;
  float scale;
  int64_t window;
  const float* sinks;
  float* out;
  int64_t out_stride;
  // How a KV head's work is cut: groups of quads, slices of the value of at most 256 elements. units = kv_heads * groups * slices.
  int32_t quads, groups, slices, units;
  float* partials;  // attention_splits: [rows, heads, splits] of m and l; then as many of o, [value_dim]
};

// grid (rows, units of all halves, 1 or blocks that share a row's splits); dynamic shared memory: attention_shared_floats() floats.
struct AttentionParams {
  AttentionHalf halves[kMostHalves];
  int32_t rows;
  int32_t splits;  // of the longest context
  int32_t key_dim;  // the greatest of the halves
};

constexpr int64_t attention_shared_floats(int32_t quads, int32_t key_dim) {
  return int64_t{quads} * kQuadHeads * (key_dim + kAttentionPositions);
}
constexpr int64_t attention_partial_floats(int64_t rows, int64_t heads, int64_t splits, int64_t value_dim) {
  return rows * heads * splits * (2 + value_dim);
}

}  // namespace yoke::kernels::cuda
