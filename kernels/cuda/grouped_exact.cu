// GroupedLinear in mode `exact`: a block takes a few places side by side, expert after expert where they are of several.
#include "kernels/cuda/exact_product.cuh"

namespace yoke::kernels::cuda {
namespace {

// The expert whose places hold `place`: the last whose offset is not beyond it.
__device__ __forceinline__ int32_t expert_of(const GroupedExactParams& p, int32_t place) {
  int32_t begin = 0, end = p.expert_count;  // offsets[begin] <= place < offsets[end]
  while (end - begin > 1) {
    const int32_t middle = (begin + end) / 2;
    if (p.offsets[middle] <= place) begin = middle;
    else end = middle;
  }
  return begin;
}

template <class Codes, int kRows>
__device__ __forceinline__ void grouped_exact(const GroupedExactParams& p) {
  const ExactProduct& product = p.product;
  const int32_t first = static_cast<int32_t>(blockIdx.x) * kRows, last = min(first + kRows, p.offsets[p.expert_count]);
  const int32_t panel = static_cast<int32_t>(blockIdx.y), lane = static_cast<int32_t>(threadIdx.x) % 16;
#pragma unroll 1
  for (int32_t place = first, end; place < last; place = end) {
    const int32_t expert = expert_of(p, place);
    end = min(last, p.offsets[expert + 1]);
    const float* x[kRows];
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      const int32_t from = min(place + r, end - 1);
      x[r] = product.x + int64_t{p.slots != nullptr ? p.slots[from] / p.top_k : from} * product.x_stride;
    }
    const float total = panel_product<Codes, kRows>(weight_place(product.w, p.experts[expert].data, panel, lane), x, product.vector);
    const int32_t to = place + static_cast<int32_t>(threadIdx.x) / 16, output = panel * 16 + lane;
    if (threadIdx.x >= 16 * kRows || to >= end || output >= product.w.rows) continue;
    const float* bias = p.experts[expert].bias;
    product.y[int64_t{to} * product.y_stride + output] = bias != nullptr ? total + bias[output] : total;
  }
}

}  // namespace

#define YOKE_GROUPED(name, Codes)                                                                             \
  extern "C" __global__ void __launch_bounds__(kExactThreads, 2)                                              \
      grouped_exact_##name##_r1(const __grid_constant__ GroupedExactParams p) { grouped_exact<Codes, 1>(p); } \
  extern "C" __global__ void __launch_bounds__(kExactThreads, 2)                                              \
      grouped_exact_##name##_r4(const __grid_constant__ GroupedExactParams p) { grouped_exact<Codes, kExactRows>(p); }

YOKE_GROUPED(f32, F32Codes)
YOKE_GROUPED(f16, F16Codes)
YOKE_GROUPED(bf16, Bf16Codes)
YOKE_GROUPED(e4m3, E4m3Codes)
YOKE_GROUPED(e5m2, E5m2Codes)
YOKE_GROUPED(e2m1, E2m1Codes)
YOKE_GROUPED(mxfp4, Mxfp4Codes)
YOKE_GROUPED(nvfp4, Nvfp4Codes)
YOKE_GROUPED(packed_bf16, PackedBf16Codes)
YOKE_GROUPED(packed_nvfp4, PackedNvfp4Codes)

}  // namespace yoke::kernels::cuda
