// What the kernels of linear_exact.cu and grouped_exact.cu take.
#pragma once

#include <cstdint>

#include "kernels/cuda/weight_params.h"

namespace yoke::kernels::cuda {

inline constexpr int kMostProducts = 8;         // that one launch takes
inline constexpr int kExactRows = 4;            // rows that share a decoded weight, in the kernels for more than one
inline constexpr uint32_t kExactThreads = 256;  // at most: 16 for each of 16 spans

struct ExactProduct {
  WeightParams w;
  const float* x;
  int64_t x_stride;
  float* y;          // of output 0, whichever is made first
  int64_t y_stride;
  const float* bias;
  int32_t first_panel, panels;
  bool vector;       // x may be read by 16 bytes
};

// Products of the same rows; grid (row tiles, panels of all products).
struct LinearExactParams {
  ExactProduct products[kMostProducts];
  int64_t rows;
};

struct ExpertData {
  const unsigned char* data;
  const float* bias;  // may be null
};

// One product over sorted pairs; grid (tiles of pairs, panels). y is [pairs, outputs], dense.
struct GroupedExactParams {
  ExactProduct product;       // its w.data and bias are not read
  const ExpertData* experts;
  int32_t expert_count;
  int32_t top_k;
  const int32_t* offsets;     // [expert_count + 1]
  const int32_t* slots;       // null: pair i reads row i of x
};

// grid (columns / threads, rows)
struct EmbeddingParams {
  WeightParams w;
  const int32_t* rows_of_w;
  int64_t rows;
  float* y;
  int64_t y_stride;
};
inline constexpr uint32_t kEmbeddingThreads = 128;

}  // namespace yoke::kernels::cuda
