// EmbeddingLookup: one weight a thread.
#include "kernels/cuda/linear_exact_params.h"
#include "kernels/cuda/weight_codes.cuh"

namespace yoke::kernels::cuda {
namespace {

template <class Codes>
__device__ __forceinline__ void embedding(const EmbeddingParams& p) {
  const int32_t column = static_cast<int32_t>(blockIdx.x * blockDim.x + threadIdx.x);
  if (column >= p.w.cols) return;
  for (int64_t r = blockIdx.y; r < p.rows; r += gridDim.y) {
    const int32_t row = p.rows_of_w[r];
    const WeightPlace at = weight_place(p.w, p.w.data, row / 16, row % 16);
    p.y[r * p.y_stride + column] = weight_value<Codes>(at, column, global_scale(at));
  }
}

}  // namespace

#define YOKE_EMBEDDING(name, Codes) \
  extern "C" __global__ void embedding_##name(const __grid_constant__ EmbeddingParams p) { embedding<Codes>(p); }

YOKE_EMBEDDING(f32, F32Codes)
YOKE_EMBEDDING(f16, F16Codes)
YOKE_EMBEDDING(bf16, Bf16Codes)
YOKE_EMBEDDING(e4m3, E4m3Codes)
YOKE_EMBEDDING(e5m2, E5m2Codes)
YOKE_EMBEDDING(e2m1, E2m1Codes)
YOKE_EMBEDDING(mxfp4, Mxfp4Codes)
YOKE_EMBEDDING(nvfp4, Nvfp4Codes)
YOKE_EMBEDDING(packed_bf16, PackedBf16Codes)
YOKE_EMBEDDING(packed_nvfp4, PackedNvfp4Codes)

}  // namespace yoke::kernels::cuda
