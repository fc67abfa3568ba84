// Norms, a row a block; with the join of the residual in front of them where a layer ends in one.
#include "kernels/cuda/norms_params.h"
#include "kernels/cuda/row_sum.cuh"

namespace yoke::kernels::cuda {
namespace {

__device__ __forceinline__ float add(float lane, float x) { return lane + x; }
__device__ __forceinline__ float add_square(float lane, float x) { return fmaf(x, x, lane); }

// `element` is asked for each x once, in the first pass; later passes read x.
template <class Element>
__device__ __forceinline__ void rms_row(const NormParams& p, const Element& element) {
  const int64_t r = blockIdx.x;
  const float* x = p.x + r * p.x_stride;
  float* y = p.y + r * p.y_stride;
  const float inverse = inverse_deviation(row_sum(p.width, element, add_square), p.width, p.epsilon);
  for (int32_t i = static_cast<int32_t>(threadIdx.x); i < p.width; i += static_cast<int32_t>(blockDim.x)) y[i] = x[i] * inverse * p.w[i];
}

template <class Element>
__device__ __forceinline__ void layer_row(const NormParams& p, const Element& element) {
  const int64_t r = blockIdx.x, first = r % p.w_rows * p.width;
  const float* x = p.x + r * p.x_stride;
  float* y = p.y + r * p.y_stride;
  const float mean = row_sum(p.width, element, add) / static_cast<float>(p.width);
  const float squares = row_sum(p.width, [x, mean](int32_t i) { return x[i] - mean; }, add_square);
  const float inverse = inverse_deviation(squares, p.width, p.epsilon);
  for (int32_t i = static_cast<int32_t>(threadIdx.x); i < p.width; i += static_cast<int32_t>(blockDim.x)) {
    const float normal = (x[i] - mean) * inverse * p.w[first + i];
    y[i] = p.bias != nullptr ? normal + p.bias[first + i] : normal;
  }
}

__device__ __forceinline__ uint64_t load_acquire(const uint64_t* at) {
  uint64_t value;
  asm volatile("ld.acquire.sys.global.u64 %0, [%1];" : "=l"(value) : "l"(at) : "memory");
  return value;
}
__device__ __forceinline__ void store_release(uint64_t* at, uint64_t value) {
  asm volatile("st.release.sys.global.u64 [%0], %1;" ::"l"(at), "l"(value) : "memory");
}

// The launches before this one have written our half: the host may read it. The other half is read only behind the barrier.
__device__ __forceinline__ void meet(const MeetingData& meeting) {
  if (meeting.sent == nullptr) return;
  if (threadIdx.x == 0) {
    const uint64_t number = *meeting.base + meeting.index;
    if (blockIdx.x == 0) {
      __threadfence_system();
      store_release(meeting.sent, number);
    }
    while (load_acquire(meeting.arrived) < number) __nanosleep(200);
  }
  __syncthreads();
}

// The joined x is read again by the thread that wrote it.
__device__ __forceinline__ auto joining(const JoinNormParams& p) {
  const int64_t first = int64_t{blockIdx.x} * p.norm.x_stride;
  float* x = p.joined + first;
  const float* h0 = p.h0 + first;
  const float* h1 = p.h1 != nullptr ? p.h1 + first : nullptr;
  return [x, h0, h1](int32_t i) {
    const float joined = x[i] + (h1 != nullptr ? h0[i] + h1[i] : h0[i]);
    x[i] = joined;
    return joined;
  };
}
__device__ __forceinline__ auto reading(const NormParams& p) {
  const float* x = p.x + int64_t{blockIdx.x} * p.x_stride;
  return [x](int32_t i) { return x[i]; };
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kNormThreads, 2) rms_norm(const __grid_constant__ NormParams p) { rms_row(p, reading(p)); }
extern "C" __global__ void __launch_bounds__(kNormThreads, 2) layer_norm(const __grid_constant__ NormParams p) { layer_row(p, reading(p)); }
extern "C" __global__ void __launch_bounds__(kNormThreads, 2) join_rms_norm(const __grid_constant__ JoinNormParams p) {
  meet(p.meeting);
  rms_row(p.norm, joining(p));
}
extern "C" __global__ void __launch_bounds__(kNormThreads, 2) join_layer_norm(const __grid_constant__ JoinNormParams p) {
  meet(p.meeting);
  layer_row(p.norm, joining(p));
}
extern "C" __global__ void __launch_bounds__(kNormThreads, 2) join(const __grid_constant__ JoinNormParams p) {
  meet(p.meeting);
  const auto element = joining(p);
  for (int32_t i = static_cast<int32_t>(threadIdx.x); i < p.norm.width; i += static_cast<int32_t>(blockDim.x)) element(i);
}

extern "C" __global__ void __launch_bounds__(kNormThreads, 2) sum_of_squares(const __grid_constant__ NormParams p) {
  const float sum = row_sum(p.width, reading(p), add_square);
  if (threadIdx.x == 0) p.y[blockIdx.x] = sum;
}

extern "C" __global__ void __launch_bounds__(kNormThreads, 2) rms_scale(const __grid_constant__ RmsScaleParams p) {
  const int32_t i = static_cast<int32_t>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= p.width) return;
  for (int64_t r = blockIdx.y; r < p.rows; r += gridDim.y) {
    float* x = p.x + r * p.x_stride + i;
    *x = *x * inverse_deviation(p.sums[r], p.whole_width, p.epsilon) * p.w[i];
  }
}

}  // namespace yoke::kernels::cuda
