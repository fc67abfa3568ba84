// Products of mode `bf16`: NVFP4 weights in the packed form.
#include "kernels/cuda/linear_entries.cuh"
#include "kernels/cuda/linear_packed.cuh"

YOKE_LINEAR_KERNELS(linear_packed_nvfp4, yoke::kernels::cuda::PackedNvfp4Format)
