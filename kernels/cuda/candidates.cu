// What a slice of the vocabulary says about a row of logits, a row and a slice a block (kernels/candidates.h, whose order and sums these are).
#include "kernels/cuda/candidates_params.h"
#include "kernels/cuda/elementary.cuh"
#include "kernels/cuda/elementary_f64.cuh"
#include "kernels/noise.h"

namespace yoke::kernels::cuda {
namespace {

constexpr uint32_t kAll = 0xFFFFFFFFu;
constexpr int32_t kLanes = 32, kMostWarps = kCandidateThreads / kLanes;
constexpr int32_t kSumLanes = 16, kMostSums = kCandidateThreads / kSumLanes;
constexpr int32_t kDigits = 256;  // of 8 bits

struct Shared {
  uint64_t orders[kMostWarps];
  double scores[kMostWarps];
  int32_t tokens[kMostWarps];
  double sums[kMostSums];
  uint32_t histogram[kDigits];
  uint64_t picked[kMostCandidates];
  uint32_t picked_count;
};

__device__ __forceinline__ int32_t thread_index() { return static_cast<int32_t>(threadIdx.x); }
__device__ __forceinline__ int32_t thread_count() { return static_cast<int32_t>(blockDim.x); }
__device__ __forceinline__ int32_t lane_index() { return thread_index() % kLanes; }
__device__ __forceinline__ int32_t warp_index() { return thread_index() / kLanes; }

struct Row {
  const float* logits;
  int32_t width, first_token;
  float temperature;
  __device__ __forceinline__ float value(int32_t i) const { return logits[i] / temperature; }
};

// The order of a row's tokens in one number, all different: greater where a token comes earlier. What is no number, or +inf, is above
// all, and nothing is 0.
using Order = uint64_t;
constexpr Order kUnsound = ~Order{0};
constexpr uint32_t kMinusInfinityKey = 0x007FFFFFu;

__device__ __forceinline__ Order order_of(float value, int32_t i) {
  if (!(value < __uint_as_float(0x7F800000u))) return kUnsound;
  const uint32_t bits = __float_as_uint(value + 0.0f);
  const uint32_t key = bits >> 31 != 0 ? ~bits : bits | 0x80000000u;
  return Order{key} << 32 | static_cast<uint32_t>(~i);
}
__device__ __forceinline__ int32_t index_of(Order order) { return static_cast<int32_t>(~static_cast<uint32_t>(order)); }
__device__ __forceinline__ float value_of(Order order) {  // of a zero +0
  const uint32_t key = static_cast<uint32_t>(order >> 32);
  return __uint_as_float(key >> 31 != 0 ? key & 0x7FFFFFFFu : ~key);
}

__device__ __forceinline__ Order warp_greatest(Order order) {
#pragma unroll
  for (int stride = kLanes / 2; stride > 0; stride /= 2) {
    const Order other = __shfl_xor_sync(kAll, order, stride);
    order = other > order ? other : order;
  }
  return order;
}

// For every thread.
__device__ __forceinline__ Order block_greatest(Order order, Shared& shared) {
  order = warp_greatest(order);
  if (lane_index() == 0) shared.orders[warp_index()] = order;
  __syncthreads();
  return warp_greatest(lane_index() < thread_count() / kLanes ? shared.orders[lane_index()] : Order{0});
}

struct Scored {
  double score;
  int32_t token;
};
__device__ __forceinline__ bool before(const Scored& a, const Scored& b) { return a.score > b.score || (a.score == b.score && a.token < b.token); }

__device__ __forceinline__ Scored warp_best(Scored best) {
#pragma unroll
  for (int stride = kLanes / 2; stride > 0; stride /= 2) {
    const Scored other{__shfl_xor_sync(kAll, best.score, stride), __shfl_xor_sync(kAll, best.token, stride)};
    if (before(other, best)) best = other;
  }
  return best;
}

// Noise::gumbel and Noise::bound.
__device__ __forceinline__ double gumbel(uint64_t bits) {
  const double u = (static_cast<double>(bits >> 12) + 0.5) * 0x1p-52;
  return -device_log_of_normal(-device_log_of_normal(u));
}
__device__ __forceinline__ double bound(uint64_t bits) {
  return static_cast<double>(__clzll(static_cast<long long>(~bits)) + 1) * Noise::kLog2 + Noise::kBoundSlack;
}

// Every thread begins with the greatest value's token: few others can still reach its score, and only for those logarithms are taken.
__device__ __forceinline__ Scored best_with_noise(const Row& row, Order greatest, const Noise& noise, Shared& shared) {
  const int32_t first = index_of(greatest);
  Scored best{static_cast<double>(value_of(greatest)) + gumbel(noise.bits(row.first_token + first)), row.first_token + first};
  for (int32_t i = thread_index(); i < row.width; i += thread_count()) {
    const double value = static_cast<double>(row.value(i));
    if (!(value + Noise::kMax >= best.score) || i == first) continue;
    const int32_t token = row.first_token + i;
    const uint64_t bits = noise.bits(token);
    if (value + bound(bits) < best.score) continue;
    const Scored scored{value + gumbel(bits), token};
    if (before(scored, best)) best = scored;
  }
  best = warp_best(best);
  if (lane_index() == 0) {
    shared.scores[warp_index()] = best.score;
    shared.tokens[warp_index()] = best.token;
  }
  __syncthreads();
  const int32_t warp = lane_index() < thread_count() / kLanes ? lane_index() : 0;
  return warp_best({shared.scores[warp], shared.tokens[warp]});
}

// For thread 0. Half a warp a span.
__device__ __forceinline__ double sum_of_exponentials(const Row& row, float max, Shared& shared) {
  constexpr int32_t kSpan = static_cast<int32_t>(kSumSpan);
  const int32_t lane = thread_index() % kSumLanes, group = thread_index() / kSumLanes, groups = thread_count() / kSumLanes;
  const int32_t spans = (row.width + kSpan - 1) / kSpan;
  double total = 0.0;
  for (int32_t first = 0; first < spans; first += groups) {
    const int32_t begin = (first + group) * kSpan, end = min(row.width, begin + kSpan);
    double sum = 0.0;
    for (int32_t i = begin + lane; i < end; i += kSumLanes) sum = sum + static_cast<double>(device_exp(row.value(i) - max));
#pragma unroll
    for (int stride = kSumLanes / 2; stride > 0; stride /= 2) sum = sum + __shfl_down_sync(kAll, sum, static_cast<unsigned>(stride), kSumLanes);
    if (lane == 0) shared.sums[group] = sum;
    __syncthreads();
    for (int32_t i = 0; thread_index() == 0 && i < min(groups, spans - first); ++i) total = total + shared.sums[i];
    __syncthreads();
  }
  return total;
}

// Where among the counts the left-th from the top lies. For every lane of a full warp.
struct Digit {
  uint32_t digit, above, here;  // counts above it, its own
};
__device__ __forceinline__ Digit digit_of(uint32_t left, const uint32_t* histogram) {
  constexpr int32_t kMine = kDigits / kLanes;
  const uint32_t top = static_cast<uint32_t>(kDigits - 1 - kMine * lane_index());
  uint32_t mine = 0;
#pragma unroll
  for (uint32_t i = 0; i < kMine; ++i) mine += histogram[top - i];
  uint32_t through = mine;
#pragma unroll
  for (int stride = 1; stride < kLanes; stride *= 2) {
    const uint32_t others = __shfl_up_sync(kAll, through, static_cast<unsigned>(stride));
    if (lane_index() >= stride) through += others;
  }
  const int from = __ffs(static_cast<int>(__ballot_sync(kAll, through >= left))) - 1;
  Digit found{top, through - mine, histogram[top]};
  while (found.above + found.here < left && lane_index() == from) {
    found.above += found.here;
    found.here = histogram[--found.digit];
  }
  return {__shfl_sync(kAll, found.digit, from), __shfl_sync(kAll, found.above, from), __shfl_sync(kAll, found.here, from)};
}

// The number that exactly `count` of all orders reach, by their digits from the top. `each(visit)` gives a thread's orders to visit;
// there are at least `count`.
template <class Each>
__device__ __forceinline__ Order reached_by(uint32_t count, const Each& each, Shared& shared) {
  Order prefix = 0;
  for (int shift = 56;; shift -= 8) {
    __syncthreads();
    for (int32_t i = thread_index(); i < kDigits; i += thread_count()) shared.histogram[i] = 0;
    __syncthreads();
    each([&](Order order) {
      if ((order ^ prefix) >> shift >> 8 == 0) atomicAdd(&shared.histogram[static_cast<uint32_t>(order >> shift) % kDigits], 1u);
    });
    __syncthreads();
    const Digit found = digit_of(count, shared.histogram);
    prefix |= Order{found.digit} << shift;
    count -= found.above;
    if (found.here == count || shift == 0) return prefix;
  }
}

// `mine`: the greatest order of the thread's own. As many threads as tokens are wanted have one that reaches `floor`, so none of the
// wanted lies below it: that leaves few to count.
__device__ __forceinline__ void order_best(const Row& row, Order mine, int32_t count, Candidate* best, Shared& shared) {
  Order floor = 0;
  if (count <= min(thread_count(), row.width)) {
    floor = reached_by(static_cast<uint32_t>(count), [mine](const auto& visit) { if (mine != 0) visit(mine); }, shared);
  }
  const auto each = [&row, floor](const auto& visit) {
    for (int32_t i = thread_index(); i < row.width; i += thread_count()) {
      const Order order = order_of(row.value(i), i);
      if (order >= floor) visit(order);
    }
  };
  const Order least = reached_by(static_cast<uint32_t>(count), each, shared);
  if (thread_index() == 0) shared.picked_count = 0;
  __syncthreads();
  each([&shared, least](Order order) {
    if (order >= least) shared.picked[atomicAdd(&shared.picked_count, 1u)] = order;
  });
  __syncthreads();
  for (int32_t i = thread_index(); i < count; i += thread_count()) {
    const Order order = shared.picked[i];
    int32_t place = 0;
    for (int32_t j = 0; j < count; ++j) place += shared.picked[j] > order ? 1 : 0;
    const int32_t index = index_of(order);
    best[place] = {row.value(index), row.logits[index], row.first_token + index};
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kCandidateThreads) candidates(const __grid_constant__ CandidatesParams p) {
  __shared__ Shared shared;
  const int64_t r = blockIdx.x;
  const CandidateRequest request = p.requests[r];
  if (request.mode == CandidateMode::none) return;
  const CandidateSliceData& slice = p.slices[blockIdx.y];
  const Row row{slice.logits + r * slice.width, slice.width, slice.first_token, request.temperature};

  Order mine = 0;
  for (int32_t i = thread_index(); i < row.width; i += thread_count()) {
    const Order order = order_of(row.value(i), i);
    mine = order > mine ? order : mine;
  }
  const Order greatest = block_greatest(mine, shared);
  const bool sound = row.width == 0 || (greatest != kUnsound && static_cast<uint32_t>(greatest >> 32) > kMinusInfinityKey);
  const float minus_infinity = __uint_as_float(0xFF800000u);
  CandidateSummary summary{static_cast<double>(minus_infinity), 0.0, minus_infinity, 0.0f, -1, sound ? 1u : 0u};
  if (sound && row.width > 0) {
    if (request.mode == CandidateMode::ordered) {
      if (request.wants_sum != 0) {
        summary.max = value_of(greatest);
        summary.sum = sum_of_exponentials(row, summary.max, shared);
      }
      order_best(row, mine, min(request.count, row.width), slice.best + r * kMostCandidates, shared);
    } else {
      const Scored best = request.mode == CandidateMode::noisy
                              ? best_with_noise(row, greatest, Noise(request.key), shared)
                              : Scored{static_cast<double>(value_of(greatest)), row.first_token + index_of(greatest)};
      summary.score = best.score;
      summary.raw = row.logits[best.token - row.first_token];
      summary.token = best.token;
    }
  }
  if (thread_index() == 0) slice.summaries[r] = summary;
}

}  // namespace yoke::kernels::cuda
