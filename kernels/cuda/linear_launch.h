// From products to launches of the bf16 kernels: which kernel, how many blocks, which parameters. Host code without a
// device; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/cuda/linear_params.h"
#include "kernels/ops.h"

namespace yoke::kernels::cuda {

// Weights that mode `bf16` multiplies: BF16 and its packed form, FP8 e4m3 (by tensor, row or square), NVFP4 and its
// packed form, MXFP4, GGUF's nvfp4 and mxfp4. Others (F32, F16, integers) take the kernel of mode `exact` or the CPU.
bool supports_bf16(const WeightFormat& format);

struct LinearLaunch {
  std::string image;   // of kernels/cuda/images.h: "linear_nvfp4"
  std::string kernel;  // "linear_nvfp4_8"
  uint32_t grid = 0;   // blocks, of kLinearWarps warps
  uint32_t shared_bytes =
      0;  // dynamic; the attribute of the function must allow it (more than 48 KiB does not come by itself)
  LinearParams params{};
};
inline constexpr uint32_t kLinearThreads = 32 * kLinearWarps;

// Products that do not depend on each other, in as few launches as their formats allow. A product of no rows takes
// none. Error{unsupported} for a weight that supports_bf16 denies.
std::vector<LinearLaunch> plan_linear(std::span<const Linear> products);

// The same product of every expert, each with its own rows. `w.data` of the Linear is ignored, `rows` is the most
// positions that offsets[experts] may say, `bias` non-null if there are biases; x and y as LinearGroups says. All
// experts' matrices have the shape of `w`. groups.tiles is filled in here.
std::vector<LinearLaunch> plan_grouped_linear(std::span<const Linear> products, const LinearGroups& groups);

}  // namespace yoke::kernels::cuda
