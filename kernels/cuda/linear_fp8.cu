// Products of mode `bf16`: FP8 (e4m3) weights with scales by tensor or by row.
#include "kernels/cuda/linear_entries.cuh"
#include "kernels/cuda/linear_formats.cuh"

YOKE_LINEAR_KERNELS(linear_fp8, yoke::kernels::cuda::Fp8Format<false>)
