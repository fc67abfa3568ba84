// The table of backends (kernels/ops.h).
#include <fmt/format.h>

#include "core/error.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cuda/cuda_ops.h"
#include "kernels/ops.h"
#include "kernels/reference/reference_ops.h"

namespace yoke::kernels {
namespace {

std::string always_available() { return {}; }
bool any_weight(const WeightFormat& weight, MathMode math) { return info(weight.codes).weight && math == MathMode::exact; }

constexpr OpsBackend kBackends[] = {
    {"cpu", always_available, any_weight, cpu::make_cpu_ops},
    {"cuda", cuda::cuda_unavailable, cuda::cuda_supports, cuda::make_cuda_ops},
    {"reference", always_available, any_weight, reference::make_reference_ops},
};

}  // namespace

std::span<const OpsBackend> ops_backends() { return kBackends; }

const OpsBackend& ops_backend(std::string_view name) {
  std::string names;
  for (const OpsBackend& row : kBackends) {
    if (row.name == name) return row;
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  }
  throw Error(Code::invalid_argument, fmt::format("unknown kernels '{}'; this build has: {}", name, names), "kernels");
}

}  // namespace yoke::kernels
