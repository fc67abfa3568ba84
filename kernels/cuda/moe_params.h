// What the kernels of moe.cu take; fields as those of the ops (kernels/ops.h).
#pragma once

#include <cstdint>

#include "kernels/cuda/kv_params.h"

#include "core/units.h"

namespace yoke::kernels::cuda {

inline constexpr int32_t kMostExperts = 1024;
inline constexpr uint32_t kRouteThreads = 32;

enum class RouteScore : uint8_t { softmax, softmax_top_k, sigmoid };

// A row a block.
struct RouteParams {
  const float* logits;
  int32_t experts, top_k, groups, top_groups;
  RouteScore score;
  bool renormalise;
  float scaling;
  const float* correction;  // may be null
  int32_t* chosen;
  float* weights;
};

// One block; threads take experts.
struct SortExpertsParams {
  const int32_t* chosen;
  int64_t rows;
  int32_t top_k, first_expert, experts;
  const RowPlaceData* row_places;  // may be null: none is padding
  int32_t* offsets;
  int32_t* slots;
  int32_t* places;
};
inline constexpr uint32_t kSortThreads = 256;

// grid (width / threads, rows)
struct CombineExpertsParams {
  const float* x;
  const int32_t* places;
  const float* weights;
  int64_t rows, width;
  int32_t top_k;
  float* y;
};

}  // namespace yoke::kernels::cuda
