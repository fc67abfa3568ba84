// Mixture of experts: the choice of each row (kernels/reference/router.cpp), the order of pairs by expert, the weighted sum.
#include "kernels/cuda/elementary.cuh"
#include "kernels/cuda/moe_params.h"

namespace yoke::kernels::cuda {
namespace {

constexpr uint32_t kAll = 0xFFFFFFFFu;
constexpr int32_t kLanes = 32;

// Lane l holds the values l, l + 32, ...; bit j of a mask stands for value l + 32 j.
__device__ __forceinline__ int32_t lane_index() { return static_cast<int32_t>(threadIdx.x) % kLanes; }

// Ascending with the value, both zeros alike; a NaN below all others, and above 0, which is none.
__device__ __forceinline__ uint32_t order_key(float value) {
  if (value != value) return 1;
  const uint32_t bits = __float_as_uint(value + 0.0f);
  return bits >> 31 != 0 ? ~bits : bits | 0x80000000u;
}

// Takes the `count` highest of the open values, ties to the lowest index.
__device__ __forceinline__ uint32_t highest(const float* values, int32_t size, uint32_t open, int32_t count) {
  uint32_t taken = 0;
  for (int32_t n = 0; n < count; ++n) {
    uint32_t best = 0;
    int32_t index = 0;
    for (int32_t i = lane_index(), j = 0; i < size; i += kLanes, ++j) {
      const bool free = ((open & ~taken) >> j & 1u) != 0;
      const uint32_t key = free ? order_key(values[i]) : 0u;
      if (key > best) best = key, index = i;
    }
    const uint32_t most = __reduce_max_sync(kAll, best);
    const uint32_t winner = __reduce_min_sync(kAll, best == most && most != 0 ? static_cast<uint32_t>(index) : kAll);
    if (winner != kAll && winner % kLanes == static_cast<uint32_t>(lane_index())) taken |= 1u << (winner / kLanes);
  }
  return taken;
}

__device__ __forceinline__ float warp_max(float value) {
#pragma unroll
  for (int stride = 16; stride > 0; stride /= 2) value = fmaxf(value, __shfl_xor_sync(kAll, value, stride));
  return value;
}

// In place; the sum is taken in ascending order. For one warp.
__device__ __forceinline__ void softmax(float* x, int32_t size) {
  float most = __uint_as_float(0xFF800000u);
  for (int32_t i = lane_index(); i < size; i += kLanes) most = fmaxf(most, x[i]);
  most = warp_max(most);
  for (int32_t i = lane_index(); i < size; i += kLanes) x[i] = device_exp(x[i] - most);
  __syncwarp();
  float sum = 0.0f;
  for (int32_t i = 0; i < size; ++i) sum = sum + x[i];
  __syncwarp();
  for (int32_t i = lane_index(); i < size; i += kLanes) x[i] = x[i] / sum;
  __syncwarp();
}

// The sum of a group's two best, or of its one.
__device__ __forceinline__ float two_best(const float* values, int32_t size) {
  int32_t first = 0, second = -1;
  for (int32_t i = 1; i < size; ++i) {
    if (order_key(values[i]) > order_key(values[first])) {
      second = first, first = i;
    } else if (second < 0 || order_key(values[i]) > order_key(values[second])) {
      second = i;
    }
  }
  const float sum = 0.0f + values[first];
  return second < 0 ? sum : sum + values[second];
}

__device__ __forceinline__ uint32_t open_experts(const RouteParams& p, const float* values, float* sums) {
  if (p.groups == 1) return kAll;
  const int32_t size = p.experts / p.groups;
  for (int32_t g = lane_index(); g < p.groups; g += kLanes) sums[g] = two_best(values + g * size, size);
  __syncwarp();
  const uint32_t groups = highest(sums, p.groups, kAll, p.top_groups);
  __syncwarp();
  for (int32_t g = lane_index(), j = 0; g < p.groups; g += kLanes, ++j) sums[g] = (groups >> j & 1u) != 0 ? 1.0f : 0.0f;
  __syncwarp();
  uint32_t open = 0;
  for (int32_t i = lane_index(), j = 0; i < p.experts; i += kLanes, ++j) open |= sums[i / size] != 0.0f ? 1u << j : 0u;
  return open;
}

// The taken experts' ids, ascending.
__device__ __forceinline__ void list_taken(int32_t experts, uint32_t taken, int32_t* chosen) {
  int32_t before = 0;
  for (int32_t first = 0, j = 0; first < experts; first += kLanes, ++j) {
    const bool mine = (taken >> j & 1u) != 0;
    const uint32_t all = __ballot_sync(kAll, mine);
    if (mine) chosen[before + __popc(all & ((1u << lane_index()) - 1u))] = first + lane_index();
    before += __popc(all);
  }
}

}  // namespace

// A row a warp.
extern "C" __global__ void __launch_bounds__(32) route(const __grid_constant__ RouteParams p) {
  __shared__ float scores[kMostExperts], values[kMostExperts], sums[kMostExperts];
  __shared__ int32_t chosen[kMostExperts];
  const int64_t row = blockIdx.x;
  const int32_t lane = lane_index();
  for (int32_t i = lane; i < p.experts; i += kLanes) {
    const float logit = p.logits[row * p.experts + i];
    scores[i] = p.score == RouteScore::sigmoid ? 1.0f / (1.0f + device_exp(-logit)) : logit;
  }
  __syncwarp();
  if (p.score == RouteScore::softmax) softmax(scores, p.experts);
  for (int32_t i = lane; i < p.experts; i += kLanes) values[i] = p.correction != nullptr ? scores[i] + p.correction[i] : scores[i];
  __syncwarp();
  const uint32_t open = open_experts(p, values, sums);
  list_taken(p.experts, highest(values, p.experts, open, p.top_k), chosen);
  __syncwarp();
  float* weights = sums;
  for (int32_t i = lane; i < p.top_k; i += kLanes) weights[i] = scores[chosen[i]];
  __syncwarp();
  float divisor = 1.0f;
  if (p.score == RouteScore::softmax_top_k) {
    softmax(weights, p.top_k);
  } else if (p.renormalise) {
    float sum = 0.0f;
    for (int32_t i = 0; i < p.top_k; ++i) sum = sum + weights[i];
    divisor = sum == 0.0f ? 1.0f : sum;  // all underflowed: they stay 0
  }
  for (int32_t i = lane; i < p.top_k; i += kLanes) {
    p.chosen[row * p.top_k + i] = chosen[i];
    p.weights[row * p.top_k + i] = weights[i] / divisor * p.scaling;
  }
}

// Each thread owns experts and takes the pairs in their order. `body(expert, pair)`.
template <class Body>
__device__ __forceinline__ void for_each_pair(const SortExpertsParams& p, int32_t* staged, const Body& body) {
  constexpr int32_t kStaged = 1024;
  const int32_t pairs = static_cast<int32_t>(p.rows) * p.top_k;
  for (int32_t chunk = 0; chunk < pairs; chunk += kStaged) {
    const int32_t count = min(kStaged, pairs - chunk);
    __syncthreads();
    for (int32_t i = static_cast<int32_t>(threadIdx.x); i < count; i += static_cast<int32_t>(blockDim.x)) {
      const bool fills = p.row_places != nullptr && p.row_places[(chunk + i) / p.top_k].end == 0;
      staged[i] = fills ? -1 : p.chosen[chunk + i] - p.first_expert;
    }
    __syncthreads();
    for (int32_t i = 0; i < count; ++i) body(staged[i], chunk + i);
  }
}

extern "C" __global__ void __launch_bounds__(kSortThreads) sort_experts(const __grid_constant__ SortExpertsParams p) {
  __shared__ int32_t staged[1024], next[kMostExperts];
  const int32_t thread = static_cast<int32_t>(threadIdx.x), threads = static_cast<int32_t>(kSortThreads);
  for (int64_t i = thread; i < p.rows * p.top_k; i += threads) p.places[i] = -1;
  for (int32_t e = thread; e < p.experts; e += threads) next[e] = 0;
  for_each_pair(p, staged, [&](int32_t expert, int32_t) {
    if (expert >= 0 && expert < p.experts && expert % threads == thread) ++next[expert];
  });
  __syncthreads();
  if (thread < kLanes) {
    int32_t before = 0;
    for (int32_t first = 0; first < p.experts; first += kLanes) {
      const int32_t expert = first + thread;
      const int32_t count = expert < p.experts ? next[expert] : 0;
      int32_t sum = count;
#pragma unroll
      for (int stride = 1; stride < kLanes; stride *= 2) {
        const int32_t left = __shfl_up_sync(kAll, sum, static_cast<unsigned>(stride));
        if (thread >= stride) sum += left;
      }
      if (expert < p.experts) p.offsets[expert] = next[expert] = before + sum - count;
      before += __shfl_sync(kAll, sum, kLanes - 1);
    }
    if (thread == 0) p.offsets[p.experts] = before;
  }
  for_each_pair(p, staged, [&](int32_t expert, int32_t pair) {
    if (expert < 0 || expert >= p.experts || expert % threads != thread) return;
    const int32_t place = next[expert]++;
    p.slots[place] = pair;
    p.places[pair] = place;
  });
}

extern "C" __global__ void combine_experts(const __grid_constant__ CombineExpertsParams p) {
  const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= p.width) return;
  for (int64_t r = blockIdx.y; r < p.rows; r += gridDim.y) {
    float sum = 0.0f;
    for (int32_t j = 0; j < p.top_k; ++j) {
      const int64_t place = p.places[r * p.top_k + j];
      if (place >= 0) sum = fmaf(p.weights[r * p.top_k + j], p.x[place * p.width + i], sum);
    }
    p.y[r * p.width + i] = sum;
  }
}

}  // namespace yoke::kernels::cuda
