// Products of mode `bf16`: weights in GGUF's blocks nvfp4.
#include "kernels/cuda/linear_entries.cuh"
#include "kernels/cuda/linear_formats.cuh"

YOKE_LINEAR_KERNELS(linear_gguf_nvfp4, yoke::kernels::cuda::BlockFp4Format<16>)
