// One element a thread: activations, sums, rows moved, rotary embedding. Rows beyond grid.y are taken in strides of it.
#include "kernels/cuda/elementary.cuh"
#include "kernels/cuda/elementwise_params.h"

namespace yoke::kernels::cuda {
namespace {

__device__ __forceinline__ int64_t element() { return int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }

template <class Value>
__device__ __forceinline__ void for_each_gate(const SwiGluParams& p, const Value& value) {
  const SwiGluHalf& half = p.halves[blockIdx.z];
  const int64_t i = element();
  if (i >= half.width) return;
  for (int64_t r = blockIdx.y; r < p.rows; r += gridDim.y) {
    half.y[r * half.stride + i] = value(half.gate[r * half.stride + i], half.up[r * half.stride + i]);
  }
}

}  // namespace

extern "C" __global__ void swiglu(const __grid_constant__ SwiGluParams p) {
  for_each_gate(p, [](float gate, float up) { return gate / (1.0f + device_exp(-gate)) * up; });
}

// Comparisons, not fminf and fmaxf: a NaN passes them.
extern "C" __global__ void clamped_swiglu(const __grid_constant__ SwiGluParams p) {
  for_each_gate(p, [&p](float gate, float up) {
    gate = gate > p.limit ? p.limit : gate;
    up = up < -p.limit ? -p.limit : up;
    up = up > p.limit ? p.limit : up;
    return gate / (1.0f + device_exp(-(p.alpha * gate))) * (up + 1.0f);
  });
}

extern "C" __global__ void gelu(const __grid_constant__ InPlaceParams p) {
  const int64_t i = element();
  if (i < p.count) p.x[i] = 0.5f * p.x[i] * (1.0f + device_erf(p.x[i] / kSqrt2));
}

extern "C" __global__ void tanh_inplace(const __grid_constant__ InPlaceParams p) {
  const int64_t i = element();
  if (i < p.count) p.x[i] = device_tanh(p.x[i]);
}

extern "C" __global__ void scale(const __grid_constant__ InPlaceParams p) {
  const int64_t i = element();
  if (i < p.count) p.x[i] = p.x[i] * p.factor;
}

extern "C" __global__ void residual_add(const __grid_constant__ ResidualAddParams p) {
  const int64_t i = element();
  if (i < p.count) p.x[i] = p.x[i] + (p.h1 != nullptr ? p.h0[i] + p.h1[i] : p.h0[i]);
}

extern "C" __global__ void gather_rows(const __grid_constant__ RowsParams p) {
  const int64_t i = element();
  if (i >= p.width) return;
  for (int64_t r = blockIdx.y; r < p.rows; r += gridDim.y) p.y[r * p.width + i] = p.x[p.index[r] * p.width + i];
}

// A thread owns a column and takes the rows in their order: two of them may go to one row of y.
extern "C" __global__ void scatter_add(const __grid_constant__ RowsParams p) {
  const int64_t i = element();
  if (i >= p.width) return;
  for (int64_t r = 0; r < p.rows; ++r) {
    float* y = p.y + p.index[r] * p.width + i;
    *y = fmaf(p.weights[r], p.x[r * p.width + i], *y);
  }
}

extern "C" __global__ void rotary(const __grid_constant__ RotaryParams p) {
  const int64_t half = p.dims / 2;
  const int64_t pair = element();
  if (pair >= p.heads * half) return;
  const int64_t i = pair % half;
  for (int64_t r = blockIdx.y; r < p.rows; r += gridDim.y) {
    float* x = p.x + r * p.x_stride + pair / half * p.head_stride;
    float* a = p.neighbours ? x + 2 * i : x + i;
    float* b = p.neighbours ? x + 2 * i + 1 : x + i + half;
    const float cos = p.cos[r * half + i], sin = p.sin[r * half + i];
    const float first = fmaf(*a, cos, -(*b * sin));
    const float second = fmaf(*b, cos, *a * sin);
    *a = first;
    *b = second;
  }
}

}  // namespace yoke::kernels::cuda
