// The product of mode `exact`, in the order of kernels/ops.h's Linear: a half warp makes one span of 256 columns of a panel, a
// thread an output; a block's half warps take spans side by side, whose sums are then added in ascending order.
#pragma once

#include "kernels/cuda/linear_exact_params.h"
#include "kernels/cuda/weight_codes.cuh"

namespace yoke::kernels::cuda {

constexpr int32_t kSpanColumns = 256;
constexpr int kSpansAtOnce = static_cast<int>(kExactThreads) / 16;

// Four x of each row; by 16 bytes where their addresses allow it.
__device__ __forceinline__ void load_four(const float* x, bool vector, float (&v)[4]) {
  if (vector) {
    const float4 four = *reinterpret_cast<const float4*>(x);
    v[0] = four.x, v[1] = four.y, v[2] = four.z, v[3] = four.w;
  } else {
#pragma unroll
    for (int j = 0; j < 4; ++j) v[j] = x[j];
  }
}

template <class Codes, int kRows>
__device__ __forceinline__ void add_span(const WeightPlace& at, int32_t column, int32_t end, const float* const (&x)[kRows], bool vector,
                                         float global, float (&sum)[kRows]) {
  const WeightParams& w = at.w;
  const auto one = [&](float scale) {
    const float weight = Codes::code(at, w.stored + column) * scale * global;
#pragma unroll
    for (int r = 0; r < kRows; ++r) sum[r] = fmaf(weight, x[r][column], sum[r]);
  };
  for (int32_t group = (column + w.group_shift) / w.group_size; column < end; ++group) {
    const int32_t edge = min(end, (group + 1) * w.group_size - w.group_shift);
    const float scale = group_scale<Codes>(at, group);
    for (; column < edge && (w.stored + column) % 8 != 0; ++column) one(scale);
    for (; column + 8 <= edge; column += 8) {
      float weight[8];
      Codes::octet(at, w.stored + column, weight);
#pragma unroll
      for (int j = 0; j < 8; ++j) weight[j] = weight[j] * scale * global;
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
#pragma unroll
        for (int four = 0; four < 8; four += 4) {
          float v[4];
          load_four(x[r] + column + four, vector, v);
#pragma unroll
          for (int j = 0; j < 4; ++j) sum[r] = fmaf(weight[four + j], v[j], sum[r]);
        }
      }
    }
    for (; column < edge; ++column) one(scale);
  }
}

// Outputs of one panel for up to kRows rows: thread t < 16 * kRows gets that of row t / 16, output t % 16. All threads call it.
template <class Codes, int kRows>
__device__ __forceinline__ float panel_product(const WeightPlace& at, const float* const (&x)[kRows], bool vector) {
  __shared__ float partial[kSpansAtOnce][kRows * 16];
  const int32_t half = static_cast<int32_t>(threadIdx.x) / 16, at_once = static_cast<int32_t>(blockDim.x) / 16;
  const int32_t columns = at.w.cols, spans = (columns + kSpanColumns - 1) / kSpanColumns;
  const float global = global_scale(at);
  float total = 0.0f;
  for (int32_t first = 0; first < spans; first += at_once) {
    const int32_t span = first + half;
    if (span < spans) {
      float sum[kRows] = {};
      add_span<Codes, kRows>(at, span * kSpanColumns, min((span + 1) * kSpanColumns, columns), x, vector, global, sum);
#pragma unroll
      for (int r = 0; r < kRows; ++r) partial[half][r * 16 + at.lane] = sum[r];
    }
    __syncthreads();
    if (threadIdx.x < 16 * kRows) {
      for (int32_t s = 0; s < min(at_once, spans - first); ++s) total = total + partial[s][threadIdx.x];
    }
    __syncthreads();
  }
  return total;
}

}  // namespace yoke::kernels::cuda
