// The kernels of one format: NAME_8, _16 and _32 for up to so many rows (split), NAME_64 in tiles of 64 (kernels/cuda/linear_kernel.cuh). Which of
// them a launch takes: kernels/cuda/linear_launch.h.
#pragma once

#include "kernels/cuda/linear_kernel.cuh"

#define YOKE_LINEAR_KERNEL(NAME, BODY)                                                                                \
  extern "C" __global__ void __launch_bounds__(32 * yoke::kernels::cuda::kLinearWarps) NAME(                          \
      const __grid_constant__ yoke::kernels::cuda::LinearParams params) {                                             \
    BODY(params);                                                                                                     \
  }

// FORMAT last: it may have commas.
#define YOKE_LINEAR_KERNELS(NAME, ...)                                                               \
  YOKE_LINEAR_KERNEL(NAME##_8, (yoke::kernels::cuda::linear_split<__VA_ARGS__, 1>))                  \
  YOKE_LINEAR_KERNEL(NAME##_16, (yoke::kernels::cuda::linear_split<__VA_ARGS__, 2>))                 \
  YOKE_LINEAR_KERNEL(NAME##_32, (yoke::kernels::cuda::linear_tile<__VA_ARGS__, 4>))                  \
  YOKE_LINEAR_KERNEL(NAME##_64, (yoke::kernels::cuda::linear_tile<__VA_ARGS__, 8>))
