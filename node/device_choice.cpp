#include "node/device_choice.h"

#include <fmt/format.h>

#include "core/cuda/context.h"
#include "core/error.h"
#include "core/log.h"
#include "kernels/ops.h"
#include "parallel/gpu_fit.h"

namespace yoke::node {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  const bool has_remedy = why.find("--device cpu") != std::string::npos;
  throw Error{Code::unsupported, fmt::format("--device cuda: {}{}", why, has_remedy ? "" : "; or use --device cpu"), "device"};
}

// Error{unsupported} where it cannot be used.
ChosenDevice use_gpu(int gpu) {
  if (const std::string why = kernels::ops_backend("cuda").unavailable(); !why.empty()) throw Error{Code::unsupported, why, "device"};
  const cuda::Context context(gpu);  // one for all that is asked below
  ChosenDevice chosen{.backend = "cuda", .gpu = gpu, .description = fmt::format("cuda ({})", cuda::device_name(gpu))};
  const PoolChoice pool = choose_pool_place(gpu);
  chosen.place = pool.place;
  spdlog::info("{}, GPU {}: its pool lies in {}", chosen.description, gpu, pool.text);
  return chosen;
}

ChosenDevice on_cpu(const std::string& reason) {
  spdlog::info("computes on the CPU: {}", reason);
  return {.reason = reason};
}

}  // namespace

std::string ChosenDevice::memory() const {
  const bool of_the_gpu = place == PoolPlace::device && !cuda::attribute(gpu, cuda::CU_DEVICE_ATTRIBUTE_INTEGRATED);
  return of_the_gpu ? fmt::format("GPU {}", gpu) : "host";
}

ChosenDevice choose_device(const DeviceName& wanted, int gpu) {
  if (wanted.kind == DeviceKind::cpu) return {};
  try {
    ChosenDevice chosen = use_gpu(wanted.gpu.value_or(gpu));
    if (wanted.kind == DeviceKind::automatic) chosen.reason = "a GPU is here that this build has kernels for";
    return chosen;
  } catch (const Error& error) {
    if (wanted.kind == DeviceKind::cuda) refuse(error.what());
    return on_cpu(error.what());
  }
}

ChosenDevice choose_for_model(const DeviceName& wanted, const ChosenDevice& here, const model::Catalogue& catalogue, bool packed, MathMode math) {
  if (here.on_gpu()) {
    const std::string refusal = parallel::gpu_refusal(catalogue, packed);
    if (refusal.empty()) {
      parallel::check_math(math, true);
      return here;
    }
    if (wanted.kind == DeviceKind::cuda) refuse(refusal);
    parallel::check_math(math, false);
    return on_cpu(refusal);
  }
  parallel::check_math(math, false);
  return here;
}

}  // namespace yoke::node
