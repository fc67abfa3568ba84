// Sums over a row in 16 virtual lanes and a fixed tree (kernels/ops.h, RmsNorm). All threads of a block bring the row into shared
// memory; 16 of them, the lanes, add.
#pragma once

#include <cstdint>

namespace yoke::kernels::cuda {

constexpr int32_t kRowChunk = 4096;  // floats staged at once; a multiple of 16, so that element i stays with lane i % 16

// The tree over lanes 0 .. 15 of a warp; lane 0 has the result. Only they may call it.
__device__ __forceinline__ float lane_tree(float lane) {
#pragma unroll
  for (int stride = 8; stride > 0; stride /= 2) lane = lane + __shfl_down_sync(0xFFFFu, lane, stride, 16);
  return lane;
}

// Every thread of the block calls it and gets the sum. element(i) is asked for once; join(lane, x) adds it.
template <class Element, class Join>
__device__ __forceinline__ float row_sum(int32_t width, const Element& element, const Join& join) {
  __shared__ float staged[kRowChunk];
  __shared__ float sum;
  const int32_t thread = static_cast<int32_t>(threadIdx.x), threads = static_cast<int32_t>(blockDim.x);
  float lane = 0.0f;
  for (int32_t chunk = 0; chunk < width; chunk += kRowChunk) {
    const int32_t count = min(kRowChunk, width - chunk);
    for (int32_t i = thread; i < count; i += threads) staged[i] = element(chunk + i);
    __syncthreads();
    if (thread < 16) {
#pragma unroll 8
      for (int32_t i = thread; i < count; i += 16) lane = join(lane, staged[i]);
    }
    __syncthreads();
  }
  if (thread < 16) {
    lane = lane_tree(lane);
    if (thread == 0) sum = lane;
  }
  __syncthreads();
  const float result = sum;
  __syncthreads();  // before the next call writes it
  return result;
}

__device__ __forceinline__ float inverse_deviation(float squares, int64_t width, float epsilon) {
  return 1.0f / sqrtf(squares / static_cast<float>(width) + epsilon);
}

}  // namespace yoke::kernels::cuda
