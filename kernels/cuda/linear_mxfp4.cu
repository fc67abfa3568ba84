// Products of mode `bf16`: MXFP4 weights.
#include "kernels/cuda/linear_entries.cuh"
#include "kernels/cuda/linear_formats.cuh"

YOKE_LINEAR_KERNELS(linear_mxfp4, yoke::kernels::cuda::GroupedFp4Format<32>)
