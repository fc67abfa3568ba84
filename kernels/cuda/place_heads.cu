// Norm and rotation of the heads of q and k, and the new keys and values into the paged cache; one launch for all halves.
#include "kernels/cuda/kv_cache.cuh"
#include "kernels/cuda/place_heads_params.h"
#include "kernels/cuda/row_sum.cuh"

namespace yoke::kernels::cuda {
namespace {

constexpr uint32_t kAll = 0xFFFFFFFFu;
constexpr int32_t kWarps = kPlaceHeadsThreads / 32;

__device__ __forceinline__ int32_t thread_index() { return static_cast<int32_t>(threadIdx.x); }

// RmsNorm of the head in shared memory.
__device__ __forceinline__ void norm_head(float* head, int32_t dim, const float* w, float epsilon) {
  __shared__ float inverse;
  if (thread_index() < 16) {
    float lane = 0.0f;
    for (int32_t i = thread_index(); i < dim; i += 16) lane = fmaf(head[i], head[i], lane);
    lane = lane_tree(lane);
    if (thread_index() == 0) inverse = inverse_deviation(lane, dim, epsilon);
  }
  __syncthreads();
  const float factor = inverse;
  for (int32_t i = thread_index(); i < dim; i += static_cast<int32_t>(kPlaceHeadsThreads)) head[i] = head[i] * factor * w[i];
  __syncthreads();
}

__device__ __forceinline__ void rotate_head(float* head, const PlaceHeadsHalf& half, int64_t row) {
  const int32_t pairs = half.rotary_dims / 2;
  for (int32_t i = thread_index(); i < pairs; i += static_cast<int32_t>(kPlaceHeadsThreads)) {
    float& a = half.neighbours ? head[2 * i] : head[i];
    float& b = half.neighbours ? head[2 * i + 1] : head[i + pairs];
    const float cos = half.cos[row * pairs + i], sin = half.sin[row * pairs + i];
    const float first = fmaf(a, cos, -(b * sin));
    const float second = fmaf(b, cos, a * sin);
    a = first;
    b = second;
  }
  __syncthreads();
}

// The scale of a token's key or value (kernels/format/kv_code.h); every thread gets it.
__device__ __forceinline__ float kv_scale(KvType type, const float* head, int32_t dim) {
  __shared__ float largest_of[kWarps];
  __shared__ uint32_t nan_of[kWarps];
  float largest = 0.0f;
  bool is_nan = false;
  for (int32_t i = thread_index(); i < dim; i += static_cast<int32_t>(kPlaceHeadsThreads)) {
    const float magnitude = fabsf(head[i]);
    largest = magnitude > largest ? magnitude : largest;
    is_nan = is_nan || magnitude != magnitude;
  }
#pragma unroll
  for (int stride = 16; stride > 0; stride /= 2) largest = fmaxf(largest, __shfl_xor_sync(kAll, largest, stride));
  const uint32_t nans = __ballot_sync(kAll, is_nan);
  if (thread_index() % 32 == 0) {
    largest_of[thread_index() / 32] = largest;
    nan_of[thread_index() / 32] = nans;
  }
  __syncthreads();
  uint32_t any = 0;
#pragma unroll
  for (int32_t w = 0; w < kWarps; ++w) {
    largest = fmaxf(largest, largest_of[w]);
    any |= nan_of[w];
  }
  if (any != 0) return __uint_as_float(0x7FC00000u);
  return largest / (type == KvType::i8 ? 127.0f : 448.0f);
}

__device__ __forceinline__ KvHead head_at(const KvParams& cache, int64_t block, int32_t head) {
  switch (cache.type) {
    case KvType::f32: return kv_head_of<KvType::f32>(cache, block, head);
    case KvType::bf16:
    case KvType::f16: return kv_head_of<KvType::bf16>(cache, block, head);
    case KvType::e4m3:
    case KvType::i8: break;
  }
  return kv_head_of<KvType::i8>(cache, block, head);
}

// `head` is in shared memory; keys lie as [dim, 16 tokens], values as [16 tokens, dim].
__device__ __forceinline__ void append(const PlaceHeadsHalf& half, int64_t row, int32_t kv_head, const float* head, bool is_key) {
  const RowPlaceData& place = half.rows[row];
  if (place.end == 0) return;
  const KvParams& cache = half.cache;
  const KvHead at = head_at(cache, place.block_table[place.position / kBlockTokens], kv_head);
  const int32_t token = static_cast<int32_t>(place.position % kBlockTokens), dim = is_key ? cache.key_dim : cache.value_dim;
  float scale = 0.0f;
  if (has_scales(cache.type)) {
    scale = kv_scale(cache.type, head, dim);
    if (thread_index() == 0) (is_key ? at.key_scales : at.value_scales)[token] = scale;
  }
  for (int32_t i = thread_index(); i < dim; i += static_cast<int32_t>(kPlaceHeadsThreads)) {
    const int64_t index = is_key ? int64_t{i} * kBlockTokens + token : int64_t{token} * dim + i;
    put_kv_code(cache.type, head[i], scale, is_key ? at.keys : at.values, index);
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kPlaceHeadsThreads) place_heads(const __grid_constant__ PlaceHeadsParams p) {
  __shared__ float head[kMostHeadDim];
  int32_t unit = static_cast<int32_t>(blockIdx.y), which = 0;
  while (unit >= p.halves[which].heads + 2 * p.halves[which].kv_heads) unit -= p.halves[which].heads + 2 * p.halves[which].kv_heads, ++which;
  const PlaceHeadsHalf& half = p.halves[which];
  const int64_t row = blockIdx.x;
  const bool is_q = unit < half.heads, is_k = !is_q && unit < half.heads + half.kv_heads;
  const int32_t index = is_q ? unit : is_k ? unit - half.heads : unit - half.heads - half.kv_heads;
  const int32_t dim = is_q || is_k ? half.cache.key_dim : half.cache.value_dim;
  const float* from = (is_q ? half.q + row * half.q_stride : is_k ? half.k + row * half.k_stride : half.v + row * half.v_stride) + int64_t{index} * dim;
  for (int32_t i = thread_index(); i < dim; i += static_cast<int32_t>(kPlaceHeadsThreads)) head[i] = from[i];
  __syncthreads();
  if (is_q || is_k) {
    const float* norm = is_q ? half.q_norm : half.k_norm;
    if (norm != nullptr) norm_head(head, dim, norm, half.epsilon);
    if (half.rotary_dims > 0) rotate_head(head, half, row);
    float* to = is_q ? half.q + row * half.q_stride + int64_t{index} * dim : half.k + row * half.k_stride + int64_t{index} * dim;
    if (is_q || !half.keep_k) {
      for (int32_t i = thread_index(); i < dim; i += static_cast<int32_t>(kPlaceHeadsThreads)) to[i] = head[i];
    }
  }
  if (!is_q) append(half, row, index, head, is_k);
}

}  // namespace yoke::kernels::cuda
