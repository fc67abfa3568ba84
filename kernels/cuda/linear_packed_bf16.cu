// Products of mode `bf16`: BF16 weights in the packed form.
#include "kernels/cuda/linear_entries.cuh"
#include "kernels/cuda/linear_packed.cuh"

YOKE_LINEAR_KERNELS(linear_packed_bf16, yoke::kernels::cuda::PackedBf16Format)
