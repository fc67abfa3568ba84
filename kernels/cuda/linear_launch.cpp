#include "kernels/cuda/linear_launch.h"

#include <fmt/format.h>

#include "core/error.h"
#include "kernels/cuda/linear_plan.h"

namespace yoke::kernels::cuda {
namespace {

constexpr LinearKernels kBf16{"linear_bf16", kBf16Ring};
constexpr LinearKernels kPackedBf16{"linear_packed_bf16", kPackedBf16Ring};
constexpr LinearKernels kFp8{"linear_fp8", kFp8Ring};
constexpr LinearKernels kFp8Blocks{"linear_fp8_blocks", kFp8Ring};
constexpr LinearKernels kNvfp4{"linear_nvfp4", kNvfp4Ring};
constexpr LinearKernels kPackedNvfp4{"linear_packed_nvfp4", kPackedNvfp4Ring};
constexpr LinearKernels kMxfp4{"linear_mxfp4", kMxfp4Ring};
constexpr LinearKernels kGgufNvfp4{"linear_gguf_nvfp4", kGgufNvfp4Ring};
constexpr LinearKernels kGgufMxfp4{"linear_gguf_mxfp4", kGgufMxfp4Ring};

// Null: none.
const LinearKernels* kernels_for(const WeightFormat& f) {
  const bool plain = f.scales == Scales::none && !f.zero_points && !f.listed_groups;
  switch (f.codes) {
    case Dtype::bf16:
      if (!plain || (f.packed && f.global)) return nullptr;
      return f.packed ? &kPackedBf16 : &kBf16;
    case Dtype::f8_e4m3:
      if (f.scales == Scales::per_group || f.packed) return nullptr;
      return f.scales == Scales::per_block ? &kFp8Blocks : &kFp8;
    case Dtype::e2m1:
      if (f.scales != Scales::per_group || f.listed_groups) return nullptr;
      if (f.scale_dtype == Dtype::f8_e4m3 && f.group == 16) return f.packed ? &kPackedNvfp4 : &kNvfp4;
      return f.scale_dtype == Dtype::f8_e8m0 && f.group == 32 && !f.packed ? &kMxfp4 : nullptr;
    case Dtype::nvfp4:
      return plain ? &kGgufNvfp4 : nullptr;
    case Dtype::mxfp4:
      return plain ? &kGgufMxfp4 : nullptr;
    default:
      return nullptr;
  }
}

const LinearKernels& kernels_of(const WeightFormat& f) {
  const LinearKernels* kernels = kernels_for(f);
  if (kernels == nullptr) {
    throw Error{
        Code::unsupported,
        fmt::format("weights of format {} have no product in mode bf16 on cuda; use mode exact, or --device cpu",
                    name(f))};
  }
  return *kernels;
}

LinearLaunch launch_of(const LinearGroup& group) {
  const LinearRing& ring = group.kernels->ring;
  const uint32_t shared =
      group.variant->split ? linear_split_bytes(ring) : linear_tile_bytes(ring, group.variant->rows / 8);
  return {.image = group.kernels->name,
          .kernel = group.kernel(),
          .grid = group.grid,
          .shared_bytes = shared,
          .params = group.params};
}

const LinearKernels& kernels_of_product(const Linear& product) {
  return kernels_of(product.w.shape.format);
}

}  // namespace

bool supports_bf16(const WeightFormat& format) {
  return kernels_for(format) != nullptr;
}

std::vector<LinearLaunch> plan_linear(std::span<const Linear> products) {
  const auto variant_of = [](const Linear& product) -> const LinearVariant& { return linear_variant(product.rows); };
  std::vector<LinearLaunch> launches;
  for (const LinearGroup& group : linear_groups(products, kernels_of_product, variant_of, linear_row_tiles))
    launches.push_back(launch_of(group));
  return launches;
}

std::vector<LinearLaunch> plan_grouped_linear(std::span<const Linear> products, const LinearGroups& groups) {
  if (products.empty()) return {};
  const LinearVariant& variant = linear_variant(grouped_rows(products.front(), groups.experts));
  const auto variant_of = [&](const Linear&) -> const LinearVariant& { return variant; };
  const auto tiles = [&](const Linear& product, const LinearVariant& v) {
    return grouped_row_tiles(product, groups.experts, v);
  };
  std::vector<LinearLaunch> launches;
  for (const LinearGroup& group : linear_groups(products, kernels_of_product, variant_of, tiles))
    launches.push_back(launch_of(group));
  YOKE_ASSERT(launches.size() <= 1);  // the tables of matrices count the products of one launch
  for (LinearLaunch& launch : launches) {
    launch.params.groups = groups;
    launch.params.groups.tiles = static_cast<uint32_t>(tiles(products.front(), variant));
  }
  return launches;
}

}  // namespace yoke::kernels::cuda
