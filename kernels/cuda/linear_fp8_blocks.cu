// Products of mode `bf16`: FP8 (e4m3) weights with a scale a square of weights.
#include "kernels/cuda/linear_entries.cuh"
#include "kernels/cuda/linear_formats.cuh"

YOKE_LINEAR_KERNELS(linear_fp8_blocks, yoke::kernels::cuda::Fp8Format<true>)
