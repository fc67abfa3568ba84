// What the kernel of place_heads.cu takes (kernels/ops.h: PlaceHeads, KvAppend).
#pragma once

#include <cstdint>

#include "kernels/cuda/elementwise_params.h"
#include "kernels/cuda/kv_params.h"

namespace yoke::kernels::cuda {

inline constexpr uint32_t kPlaceHeadsThreads = 128;
inline constexpr int32_t kMostHeadDim = 512;

struct PlaceHeadsHalf {
  float* q;
  int64_t q_stride;
  float* k;            // normed and turned in place unless keep_k
  int64_t k_stride;
  const float* v;
  int64_t v_stride;
  int32_t heads, kv_heads;  // kv_heads: 0 where nothing is appended
  bool keep_k;
  const float* q_norm;
  const float* k_norm;
  float epsilon;
  int32_t rotary_dims;
  const float* cos;
  const float* sin;
  bool neighbours;
  const RowPlaceData* rows;
  KvParams cache;
};

// A head of one row a block: q's, then k's, then v's of a half, then the next half's. grid (rows, heads + 2 kv_heads of all halves).
struct PlaceHeadsParams {
  PlaceHeadsHalf halves[kMostHalves];
};

}  // namespace yoke::kernels::cuda
