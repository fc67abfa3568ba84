// Linear in mode `exact`: one launch takes several products of the same rows, whose codes are of one kind.
#include "kernels/cuda/exact_product.cuh"

namespace yoke::kernels::cuda {
namespace {

template <class Codes, int kRows>
__device__ __forceinline__ void linear_exact(const LinearExactParams& p) {
  int32_t panel = static_cast<int32_t>(blockIdx.y), which = 0;
  while (panel >= p.products[which].panels) panel -= p.products[which++].panels;
  const ExactProduct& product = p.products[which];
  panel += product.first_panel;
  const int64_t first = int64_t{blockIdx.x} * kRows;
  const float* x[kRows];
#pragma unroll
  for (int r = 0; r < kRows; ++r) x[r] = product.x + min(first + r, p.rows - 1) * product.x_stride;
  const int32_t lane = static_cast<int32_t>(threadIdx.x) % 16;
  const float total = panel_product<Codes, kRows>(weight_place(product.w, product.w.data, panel, lane), x, product.vector);
  const int64_t row = first + static_cast<int32_t>(threadIdx.x) / 16;
  const int32_t output = panel * 16 + lane;
  if (threadIdx.x >= 16 * kRows || row >= p.rows || output >= product.w.rows) return;
  product.y[row * product.y_stride + output] = product.bias != nullptr ? total + product.bias[output] : total;
}

}  // namespace

#define YOKE_LINEAR(name, Codes)                                                                              \
  extern "C" __global__ void __launch_bounds__(kExactThreads, 2)                                                \
      linear_exact_##name##_r1(const __grid_constant__ LinearExactParams p) { linear_exact<Codes, 1>(p); }    \
  extern "C" __global__ void __launch_bounds__(kExactThreads, 2)                                                \
      linear_exact_##name##_r4(const __grid_constant__ LinearExactParams p) { linear_exact<Codes, kExactRows>(p); }

YOKE_LINEAR(f32, F32Codes)
YOKE_LINEAR(f16, F16Codes)
YOKE_LINEAR(bf16, Bf16Codes)
YOKE_LINEAR(e4m3, E4m3Codes)
YOKE_LINEAR(e5m2, E5m2Codes)
YOKE_LINEAR(e2m1, E2m1Codes)
YOKE_LINEAR(mxfp4, Mxfp4Codes)
YOKE_LINEAR(nvfp4, Nvfp4Codes)
YOKE_LINEAR(packed_bf16, PackedBf16Codes)
YOKE_LINEAR(packed_nvfp4, PackedNvfp4Codes)

}  // namespace yoke::kernels::cuda
