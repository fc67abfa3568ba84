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

// One for all sums of a kernel: shared memory of a template would be another for each of its instances.
struct RowSumRoom {
  float staged[kRowChunk];
  float sum;
};
__device__ __forceinline__ RowSumRoom& row_sum_room() {
  __shared__ RowSumRoom room;
  return room;
}

// Every thread of the block calls it and gets the sum. element(i) is asked for once; join(lane, x) adds it. Another call may follow at
// once: it writes `sum` behind two barriers.
template <class Element, class Join>
__device__ __forceinline__ float row_sum(int32_t width, const Element& element, const Join& join) {
  RowSumRoom& room = row_sum_room();
  const int32_t thread = static_cast<int32_t>(threadIdx.x), threads = static_cast<int32_t>(blockDim.x);
  float lane = 0.0f;
  for (int32_t chunk = 0; chunk < width; chunk += kRowChunk) {
    const int32_t count = min(kRowChunk, width - chunk);
    for (int32_t i = thread; i < count; i += threads) room.staged[i] = element(chunk + i);
    __syncthreads();
    if (thread < 16) {
#pragma unroll 8
      for (int32_t i = thread; i < count; i += 16) lane = join(lane, room.staged[i]);
    }
    __syncthreads();
  }
  if (thread < 16) {
    lane = lane_tree(lane);
    if (thread == 0) room.sum = lane;
  }
  __syncthreads();
  return room.sum;
}

__device__ __forceinline__ float inverse_deviation(float squares, int64_t width, float epsilon) {
  return 1.0f / sqrtf(squares / static_cast<float>(width) + epsilon);
}

}  // namespace yoke::kernels::cuda
