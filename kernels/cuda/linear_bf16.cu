// Products of mode `bf16`: BF16 weights.
#include "kernels/cuda/linear_entries.cuh"
#include "kernels/cuda/linear_formats.cuh"

YOKE_LINEAR_KERNELS(linear_bf16, yoke::kernels::cuda::Bf16Format)
