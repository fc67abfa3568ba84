// From products to launches of mode `fp4` (kernels/cuda/linear_fp4_params.h): activations are quantised into scratch
// memory, once for all products that read the same, then multiplied. Host code without a device; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/cuda/linear_fp4_params.h"
#include "kernels/ops.h"

namespace yoke::kernels::cuda {

inline constexpr const char* kFp4Image = "linear_fp4_sm121";  // for compute capability 12.1 alone

// NVFP4, its packed form, MXFP4, GGUF's nvfp4 and mxfp4, where the part begins at a group or block.
bool supports_fp4(const PackedShape& shape);

struct QuantiseLaunch {
  std::string kernel;
  uint32_t grid = 0;  // of kLinearWarps warps
  QuantiseParams params{};
};
struct Fp4Launch {
  std::string kernel;
  uint32_t grid = 0;  // of kLinearWarps warps
  uint32_t shared_bytes = 0;
  LinearFp4Params params{};
};
struct Fp4Plan {
  std::vector<QuantiseLaunch> quantise;  // all of these before
  std::vector<Fp4Launch> products;       // all of these
};

// Bytes of scratch memory for one activation.
uint64_t fp4_scratch_bytes(int64_t rows, int64_t cols);

// Products that do not depend on each other. `scratch`: 256-byte aligned, fp4_scratch_bytes of each product are enough;
// it must last until the products are done. Error{unsupported} for a weight that supports_fp4 denies.
Fp4Plan plan_fp4(std::span<const Linear> products, std::byte* scratch);

// The same of experts, as plan_grouped_linear. x has `x_rows` rows: tokens (by_token) or positions.
Fp4Plan plan_grouped_fp4(std::span<const Linear> products, const LinearGroups& groups, int64_t x_rows,
                         std::byte* scratch);

}  // namespace yoke::kernels::cuda
