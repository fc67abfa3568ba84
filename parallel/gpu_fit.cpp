#include "parallel/gpu_fit.h"

#include <fmt/format.h>

#include "core/error.h"

namespace yoke::parallel {
namespace {

bool fp8(const WeightFormat& f) { return f.scales != Scales::per_group; }

bool fp4(const WeightFormat& f) {
  if (f.scales != Scales::per_group || f.zero_points) return false;
  return (f.scale_dtype == Dtype::f8_e4m3 && f.group == 16) || (f.scale_dtype == Dtype::f8_e8m0 && f.group == 32);
}

std::string refused_feature(const model::ModelConfig& config) {
  if (config.encoder.is) return "encoders";
  if (config.latent.kv_rank > 0) return "multi-head latent attention (MLA)";
  if (config.qk_norm == model::QkNorm::all_heads) return "a norm over the heads of both halves";
  return {};
}

}  // namespace

bool gpu_multiplies(const WeightFormat& f) {
  if (f.listed_groups) return false;
  switch (f.codes) {
    case Dtype::f32:
    case Dtype::f16:
    case Dtype::bf16: return f.scales == Scales::none && !f.global;
    case Dtype::f8_e4m3: return fp8(f);
    case Dtype::e2m1: return fp4(f);
    case Dtype::mxfp4:
    case Dtype::nvfp4: return true;
    default: return false;
  }
}

std::string gpu_refusal(const model::Catalogue& catalogue, bool pack) {
  const std::string feature = refused_feature(catalogue.checkpoint().config);
  if (!feature.empty()) return fmt::format("the GPU path of this build has no {}", feature);
  for (const auto& [key, weight] : catalogue.weights()) {
    if (weight.vector) continue;
    WeightFormat format = weight.format;
    format.packed = pack && packable(format, weight.cols);
    if (gpu_multiplies(format)) continue;
    return fmt::format("the GPU path of this build has no {} weights ({} of layer {})", name(format), model::name(weight.role), weight.layer);
  }
  return {};
}

void check_math(MathMode math, bool gpu) {
  if (math == MathMode::exact || gpu) return;
  throw Error{Code::unsupported, fmt::format("math mode '{}' is not to be had on a CPU, which has exact; --device cuda has it", name(math)), "math"};
}

}  // namespace yoke::parallel
