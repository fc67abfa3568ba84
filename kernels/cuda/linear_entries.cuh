// The kernels of one format: NAME_8 and _16 for up to so many rows (split), _32 and _64 in tiles of so many
// (kernels/cuda/linear_kernel.cuh). Which of them a launch takes: kernels/cuda/linear_launch.h.
#pragma once

#include "kernels/cuda/linear_kernel.cuh"

// BLOCKS: how many are to fit an SM's registers.
#define YOKE_LINEAR_KERNEL(NAME, BLOCKS, BODY)                                                 \
  extern "C" __global__ void __launch_bounds__(32 * yoke::kernels::cuda::kLinearWarps, BLOCKS) \
      NAME(const __grid_constant__ yoke::kernels::cuda::LinearParams params) {                 \
    BODY(params);                                                                              \
  }

// FORMAT last: it may have commas.
#define YOKE_LINEAR_KERNELS(NAME, ...)                                                  \
  YOKE_LINEAR_KERNEL(NAME##_8, 3, (yoke::kernels::cuda::linear_split<__VA_ARGS__, 1>))  \
  YOKE_LINEAR_KERNEL(NAME##_16, 2, (yoke::kernels::cuda::linear_split<__VA_ARGS__, 2>)) \
  YOKE_LINEAR_KERNEL(NAME##_32, 2, (yoke::kernels::cuda::linear_tile<__VA_ARGS__, 4>))  \
  YOKE_LINEAR_KERNEL(NAME##_64, 1, (yoke::kernels::cuda::linear_tile<__VA_ARGS__, 8>))
