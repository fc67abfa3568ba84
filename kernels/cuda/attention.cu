// Attention over the paged cache, in the order of kernels/ops.h: within a split of 256 absolute positions scores by fma over the
// key's elements, weights and values in ascending position; splits combine left to right.
//
// attention_TYPE takes a row's splits one after the other; attention_splits_TYPE spreads them over blocks and leaves
// (m, l, o) to attention_combine: for few rows with long contexts.
#include "kernels/cuda/attention_params.h"
#include "kernels/cuda/elementary.cuh"
#include "kernels/cuda/kv_cache.cuh"

namespace yoke::kernels::cuda {
namespace {

constexpr uint32_t kAll = 0xFFFFFFFFu;
constexpr int32_t kWarps = kAttentionPositions / 32;

// What one block works at.
struct Unit {
  const AttentionHalf& half;
  const RowPlaceData& place;
  int64_t row;
  int32_t kv_head, first_quad, quads;  // those of this block
  int32_t first_value, values;         // elements of the value
  int64_t begin, end;                  // positions that the row sees
};

__device__ __forceinline__ Unit unit_of(const AttentionParams& p) {
  int32_t unit = static_cast<int32_t>(blockIdx.y), which = 0;
  while (unit >= p.halves[which].units) unit -= p.halves[which++].units;
  const AttentionHalf& half = p.halves[which];
  const int64_t row = blockIdx.x;
  const RowPlaceData& place = half.rows[row];
  const int32_t slice = unit % half.slices, group = unit / half.slices % half.groups, kv_head = unit / half.slices / half.groups;
  const int32_t all_quads = (half.heads_per_kv + kQuadHeads - 1) / kQuadHeads;
  const int64_t end = place.end;
  return {half, place, row, kv_head, group * half.quads, min(half.quads, all_quads - group * half.quads),
          slice * kAttentionPositions, min(half.cache.value_dim - slice * kAttentionPositions, kAttentionPositions),
          half.window > 0 ? max(int64_t{0}, end - half.window) : 0, end};
}

// Of the four heads of a thread's quad.
struct Partial {
  float m[kQuadHeads], l[kQuadHeads], o[kQuadHeads];
};

__device__ __forceinline__ float greater(float left, float right) { return left < right ? right : left; }

__device__ __forceinline__ void combine(Partial& left, int j, float m, float l, float o) {
  const float most = greater(left.m[j], m);
  const float keep = device_exp(left.m[j] - most), join = device_exp(m - most);
  left.m[j] = most;
  left.l[j] = fmaf(left.l[j], keep, l * join);
  left.o[j] = fmaf(left.o[j], keep, o * join);
}

__device__ __forceinline__ void load_queries(const Unit& unit, float* queries) {
  const AttentionHalf& half = unit.half;
  const int32_t dim = half.cache.key_dim, count = unit.quads * dim * kQuadHeads;
  const float* q = half.q + unit.row * half.q_stride + int64_t{unit.kv_head} * half.heads_per_kv * dim;
  for (int32_t i = static_cast<int32_t>(threadIdx.x); i < count; i += static_cast<int32_t>(blockDim.x)) {
    const int32_t j = i % kQuadHeads, d = i / kQuadHeads % dim, quad = i / kQuadHeads / dim;
    const int32_t head = (unit.first_quad + quad) * kQuadHeads + j;
    queries[i] = head < half.heads_per_kv ? q[int64_t{head} * dim + d] : 0.0f;
  }
}

// The scores of one position with a quad's heads.
template <KvType kType>
__device__ __forceinline__ float4 score(const Unit& unit, const float4* queries, int64_t position) {
  const KvParams& cache = unit.half.cache;
  const KvHead at = kv_head_of<kType>(cache, unit.place.block_table[position / kBlockTokens], unit.kv_head);
  const int32_t token = static_cast<int32_t>(position % kBlockTokens);
  float scale = 1.0f;
  if constexpr (has_scales(kType)) scale = at.key_scales[token];
  float4 sum{0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll 4
  for (int32_t d = 0; d < cache.key_dim; ++d) {
    float key = kv_code<kType>(at.keys, int64_t{d} * kBlockTokens + token);
    if constexpr (has_scales(kType)) key = key * scale;
    const float4 q = queries[d];
    sum.x = fmaf(q.x, key, sum.x);
    sum.y = fmaf(q.y, key, sum.y);
    sum.z = fmaf(q.z, key, sum.z);
    sum.w = fmaf(q.w, key, sum.w);
  }
  const float factor = unit.half.scale;
  return {sum.x * factor, sum.y * factor, sum.z * factor, sum.w * factor};
}

__device__ __forceinline__ float warp_most(float value) {
#pragma unroll
  for (int stride = 16; stride > 0; stride /= 2) value = greater(value, __shfl_xor_sync(kAll, value, stride));
  return value;
}

// One split, positions begin .. end - 1 of it. Every thread of the block calls it; what it returns counts for a thread that has an
// element of a value. `weights` are [quad][position of the split][head].
template <KvType kType>
__device__ __forceinline__ Partial attend_split(const Unit& unit, int64_t split, const float* queries, float* weights) {
  __shared__ float warp_maxima[kWarps][kMostQuads * kQuadHeads], maxima[kMostQuads * kQuadHeads], sums[kMostQuads * kQuadHeads];
  const int64_t first = split * kAttentionPositions;
  const int32_t begin = static_cast<int32_t>(max(unit.begin - first, int64_t{0}));
  const int32_t end = static_cast<int32_t>(min(unit.end - first, int64_t{kAttentionPositions}));
  const int32_t thread = static_cast<int32_t>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const bool visible = thread >= begin && thread < end;
  float4* const mine = reinterpret_cast<float4*>(weights) + thread;

  if (thread < kAttentionPositions) {
    for (int32_t quad = 0; quad < unit.quads; ++quad) {
      constexpr float kLeast = -__builtin_huge_valf();
      float4 s{kLeast, kLeast, kLeast, kLeast};
      if (visible) {
        s = score<kType>(unit, reinterpret_cast<const float4*>(queries) + quad * unit.half.cache.key_dim, first + thread);
        mine[quad * kAttentionPositions] = s;
      }
      __syncwarp();
      const float m[kQuadHeads] = {warp_most(s.x), warp_most(s.y), warp_most(s.z), warp_most(s.w)};
      if (lane == 0) {
#pragma unroll
        for (int j = 0; j < kQuadHeads; ++j) warp_maxima[warp][quad * kQuadHeads + j] = m[j];
      }
    }
  }
  __syncthreads();
  if (thread < unit.quads * kQuadHeads) {
    float most = warp_maxima[0][thread];
    for (int32_t w = 1; w < kWarps; ++w) most = greater(most, warp_maxima[w][thread]);
    maxima[thread] = most;
  }
  __syncthreads();
  if (visible) {
    for (int32_t quad = 0; quad < unit.quads; ++quad) {
      const float4 s = mine[quad * kAttentionPositions];
      const float* m = maxima + quad * kQuadHeads;
      mine[quad * kAttentionPositions] = {device_exp(s.x - m[0]), device_exp(s.y - m[1]), device_exp(s.z - m[2]), device_exp(s.w - m[3])};
    }
  }
  __syncthreads();

  Partial part{};
  const int32_t quad = thread / unit.values;
  if (thread >= kAttentionPositions) {
    if (lane < unit.quads * kQuadHeads) {
      const float* weight = weights + lane / kQuadHeads * kAttentionPositions * kQuadHeads + lane % kQuadHeads;
      float sum = 0.0f;
#pragma unroll 8
      for (int32_t i = begin; i < end; ++i) sum = sum + weight[i * kQuadHeads];
      sums[lane] = sum;
    }
  } else if (quad < unit.quads) {
    const KvParams& cache = unit.half.cache;
    const float4* weight = reinterpret_cast<const float4*>(weights) + quad * kAttentionPositions;
    const int32_t element = unit.first_value + thread % unit.values;
    for (int32_t i = begin; i < end;) {
      const KvHead at = kv_head_of<kType>(cache, unit.place.block_table[(first + i) / kBlockTokens], unit.kv_head);
      const int32_t edge = min(end, (i / kBlockTokens + 1) * kBlockTokens);
#pragma unroll 4
      for (; i < edge; ++i) {
        const int32_t token = i % kBlockTokens;
        float value = kv_code<kType>(at.values, int64_t{token} * cache.value_dim + element);
        if constexpr (has_scales(kType)) value = value * at.value_scales[token];
        const float4 w = weight[i];
        part.o[0] = fmaf(w.x, value, part.o[0]);
        part.o[1] = fmaf(w.y, value, part.o[1]);
        part.o[2] = fmaf(w.z, value, part.o[2]);
        part.o[3] = fmaf(w.w, value, part.o[3]);
      }
    }
  }
  __syncthreads();
  if (quad < unit.quads) {
#pragma unroll
    for (int j = 0; j < kQuadHeads; ++j) {
      part.m[j] = maxima[quad * kQuadHeads + j];
      part.l[j] = sums[quad * kQuadHeads + j];
    }
  }
  return part;  // the next split writes what is read here behind barriers of its own
}

// Whether the thread has an element of a value of head `head` (of the KV head's) and which.
struct Element {
  int32_t head, index;
  bool exists;
};
__device__ __forceinline__ Element element_of(const Unit& unit, int j) {
  const int32_t thread = static_cast<int32_t>(threadIdx.x), quad = thread / unit.values;
  const int32_t head = (unit.first_quad + quad) * kQuadHeads + j;
  return {head, unit.first_value + thread % unit.values,
          thread < kAttentionPositions && quad < unit.quads && head < unit.half.heads_per_kv};
}

template <KvType kType>
__device__ __forceinline__ void attend_row(const AttentionParams& p) {
  extern __shared__ float4 dynamic[];
  const Unit unit = unit_of(p);
  const AttentionHalf& half = unit.half;
  float* queries = reinterpret_cast<float*>(dynamic);
  float* weights = queries + unit.quads * kQuadHeads * half.cache.key_dim;
  load_queries(unit, queries);
  __syncthreads();
  Partial total{};
  const int64_t first = unit.begin / kAttentionPositions;
  for (int64_t split = first; split * kAttentionPositions < unit.end; ++split) {
    const Partial part = attend_split<kType>(unit, split, queries, weights);
    if (split == first) {
      total = part;
      continue;
    }
#pragma unroll
    for (int j = 0; j < kQuadHeads; ++j) combine(total, j, part.m[j], part.l[j], part.o[j]);
  }
#pragma unroll
  for (int j = 0; j < kQuadHeads; ++j) {
    const Element at = element_of(unit, j);
    if (!at.exists) continue;
    const int32_t head = unit.kv_head * half.heads_per_kv + at.head;
    float out = 0.0f;
    if (unit.begin < unit.end) {
      if (half.sinks != nullptr) combine(total, j, half.sinks[head], 1.0f, 0.0f);
      out = total.o[j] / total.l[j];
    }
    half.out[unit.row * half.out_stride + int64_t{head} * half.cache.value_dim + at.index] = out;
  }
}

// Of (row, head, split).
__device__ __forceinline__ int64_t partial_index(const AttentionParams& p, const AttentionHalf& half, int64_t row, int32_t head, int64_t split) {
  return (row * half.cache.kv_heads * half.heads_per_kv + head) * p.splits + split;
}
__device__ __forceinline__ float* partial_values(const AttentionParams& p, const AttentionHalf& half) {
  return half.partials + 2 * int64_t{p.rows} * half.cache.kv_heads * half.heads_per_kv * p.splits;
}

// Splits blockIdx.z, blockIdx.z + gridDim.z, ... of those that the row sees.
template <KvType kType>
__device__ __forceinline__ void attend_some_splits(const AttentionParams& p) {
  extern __shared__ float4 dynamic[];
  const Unit unit = unit_of(p);
  const AttentionHalf& half = unit.half;
  int64_t split = unit.begin / kAttentionPositions + blockIdx.z;
  if (split * kAttentionPositions >= unit.end) return;
  float* queries = reinterpret_cast<float*>(dynamic);
  float* weights = queries + unit.quads * kQuadHeads * half.cache.key_dim;
  load_queries(unit, queries);
  __syncthreads();
  for (; split * kAttentionPositions < unit.end; split += gridDim.z) {
    const Partial part = attend_split<kType>(unit, split, queries, weights);
#pragma unroll
    for (int j = 0; j < kQuadHeads; ++j) {
      const Element at = element_of(unit, j);
      if (!at.exists) continue;
      const int64_t index = partial_index(p, half, unit.row, unit.kv_head * half.heads_per_kv + at.head, split);
      partial_values(p, half)[index * half.cache.value_dim + at.index] = part.o[j];
      if (at.index == 0) {
        half.partials[2 * index] = part.m[j];
        half.partials[2 * index + 1] = part.l[j];
      }
    }
  }
}

}  // namespace

#define YOKE_ATTENTION(name)                                                                            \
  extern "C" __global__ void __launch_bounds__(kAttentionThreads, 2)                                    \
      attention_##name(const __grid_constant__ AttentionParams p) { attend_row<KvType::name>(p); }      \
  extern "C" __global__ void __launch_bounds__(kAttentionThreads, 2)                                    \
      attention_splits_##name(const __grid_constant__ AttentionParams p) { attend_some_splits<KvType::name>(p); }

YOKE_ATTENTION(f32)
YOKE_ATTENTION(bf16)
YOKE_ATTENTION(f16)
YOKE_ATTENTION(e4m3)
YOKE_ATTENTION(i8)

// grid (rows, elements of all heads / threads, halves)
extern "C" __global__ void attention_combine(const __grid_constant__ AttentionParams p) {
  const AttentionHalf& half = p.halves[blockIdx.z];
  const int32_t dim = half.cache.value_dim;
  const int32_t element = static_cast<int32_t>(blockIdx.y * blockDim.x + threadIdx.x), head = element / dim;
  if (head >= half.cache.kv_heads * half.heads_per_kv) return;
  const int64_t row = blockIdx.x, end = half.rows[row].end;
  const int64_t begin = half.window > 0 ? max(int64_t{0}, end - half.window) : 0;
  Partial total{};
  const int64_t first = begin / kAttentionPositions;
  for (int64_t split = first; split * kAttentionPositions < end; ++split) {
    const int64_t index = partial_index(p, half, row, head, split);
    const float m = half.partials[2 * index], l = half.partials[2 * index + 1];
    const float o = partial_values(p, half)[index * dim + element % dim];
    if (split == first) {
      total.m[0] = m, total.l[0] = l, total.o[0] = o;
    } else {
      combine(total, 0, m, l, o);
    }
  }
  float out = 0.0f;
  if (begin < end) {
    if (half.sinks != nullptr) combine(total, 0, half.sinks[head], 1.0f, 0.0f);
    out = total.o[0] / total.l[0];
  }
  half.out[row * half.out_stride + element] = out;
}

}  // namespace yoke::kernels::cuda
