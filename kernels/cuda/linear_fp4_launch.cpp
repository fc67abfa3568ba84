#include "kernels/cuda/linear_fp4_launch.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/units.h"
#include "kernels/cuda/linear_plan.h"

namespace yoke::kernels::cuda {
namespace {

constexpr LinearKernels kNvfp4{"linear_fp4_nvfp4", kNvfp4Ring};
constexpr LinearKernels kPackedNvfp4{"linear_fp4_packed_nvfp4", kPackedNvfp4Ring};
constexpr LinearKernels kMxfp4{"linear_fp4_mxfp4", kMxfp4Ring};
constexpr LinearKernels kGgufNvfp4{"linear_fp4_gguf_nvfp4", kGgufNvfp4Ring};
constexpr LinearKernels kGgufMxfp4{"linear_fp4_gguf_mxfp4", kGgufMxfp4Ring};

const LinearKernels* kernels_for(const PackedShape& s) {
  const WeightFormat& f = s.format;
  if (f.listed_groups) return nullptr;
  if (f.codes == Dtype::nvfp4 || f.codes == Dtype::mxfp4) {
    if (f.scales != Scales::none || s.col_begin % info(f.codes).block_elements != 0) return nullptr;
    return f.codes == Dtype::nvfp4 ? &kGgufNvfp4 : &kGgufMxfp4;
  }
  if (f.codes != Dtype::e2m1 || f.scales != Scales::per_group || s.col_begin % f.group != 0) return nullptr;
  if (f.scale_dtype == Dtype::f8_e4m3 && f.group == 16) return f.packed ? &kPackedNvfp4 : &kNvfp4;
  return f.scale_dtype == Dtype::f8_e8m0 && f.group == 32 && !f.packed ? &kMxfp4 : nullptr;
}

// Blocks of 16 columns with e4m3 scales; else of 32 with e8m0.
bool is_nvfp4(const WeightFormat& f) {
  return f.codes == Dtype::nvfp4 || f.group == 16;
}

const LinearKernels& kernels_of(const Linear& product) {
  const LinearKernels* kernels = kernels_for(product.w.shape);
  if (kernels == nullptr) {
    throw Error{Code::unsupported,
                fmt::format("weights of format {} whose columns begin at {} have no product in mode fp4; use mode bf16",
                            name(product.w.shape.format), product.w.shape.col_begin)};
  }
  return *kernels;
}

uint64_t record_bytes(int64_t rows, int64_t cols) {
  return static_cast<uint64_t>(ceil_div(rows, 8) * ceil_div(cols, kLinearUnit)) * kFp4RecordBytes;
}

// Each activation once.
class Quantiser {
 public:
  Quantiser(std::byte* scratch, std::vector<QuantiseLaunch>& launches) : next_(scratch), launches_(launches) {}

  Fp4X quantised(const Linear& product, int64_t rows) {
    const bool nvfp4 = is_nvfp4(product.w.shape.format);
    const std::string kernel = nvfp4 ? "quantise_nvfp4" : "quantise_mxfp4";
    for (const QuantiseLaunch& l : launches_) {
      const QuantiseParams& p = l.params;
      if (l.kernel == kernel && p.x == product.x && p.x_stride == product.x_stride && p.rows == rows &&
          p.cols == product.w.cols()) {
        return {p.records, p.row_scales};
      }
    }
    QuantiseLaunch launch{.kernel = kernel, .grid = static_cast<uint32_t>(round_up(rows, 8))};
    launch.params = {.x = product.x,
                     .x_stride = product.x_stride,
                     .rows = static_cast<uint32_t>(rows),
                     .cols = static_cast<uint32_t>(product.w.cols()),
                     .units = static_cast<uint32_t>(ceil_div(product.w.cols(), kLinearUnit)),
                     .records = next_,
                     .row_scales = reinterpret_cast<float*>(next_ + record_bytes(rows, product.w.cols()))};
    next_ += fp4_scratch_bytes(rows, product.w.cols());
    launches_.push_back(launch);
    return {launch.params.records, launch.params.row_scales};
  }

 private:
  std::byte* next_;
  std::vector<QuantiseLaunch>& launches_;
};

Fp4Launch launch_of(const LinearGroup& group) {
  Fp4Launch launch{
      .kernel = group.kernel(), .grid = group.grid, .shared_bytes = linear_split_bytes(group.kernels->ring)};
  launch.params.linear = group.params;
  return launch;
}

}  // namespace

bool supports_fp4(const PackedShape& shape) {
  return kernels_for(shape) != nullptr;
}

uint64_t fp4_scratch_bytes(int64_t rows, int64_t cols) {
  return static_cast<uint64_t>(round_up(static_cast<int64_t>(record_bytes(rows, cols)) + 4 * round_up(rows, 8), 256));
}

Fp4Plan plan_fp4(std::span<const Linear> products, std::byte* scratch) {
  Fp4Plan plan;
  Quantiser quantiser(scratch, plan.quantise);
  const auto variant_of = [](const Linear& product) -> const LinearVariant& { return linear_variant(product.rows); };
  for (const LinearGroup& group : linear_groups(products, kernels_of, variant_of, linear_row_tiles)) {
    Fp4Launch& launch = plan.products.emplace_back(launch_of(group));
    for (size_t i = 0; i < group.products.size(); ++i) {
      const Linear& product = products[group.products[i]];
      launch.params.x[i] = quantiser.quantised(product, product.rows);
    }
  }
  return plan;
}

Fp4Plan plan_grouped_fp4(std::span<const Linear> products, const LinearGroups& groups, int64_t x_rows,
                         std::byte* scratch) {
  Fp4Plan plan;
  if (products.empty()) return plan;
  Quantiser quantiser(scratch, plan.quantise);
  const LinearVariant& variant = linear_variant(grouped_rows(products.front(), groups.experts));
  const auto variant_of = [&](const Linear&) -> const LinearVariant& { return variant; };
  const auto tiles = [&](const Linear& product, const LinearVariant& v) {
    return grouped_row_tiles(product, groups.experts, v);
  };
  for (const LinearGroup& group : linear_groups(products, kernels_of, variant_of, tiles)) {
    Fp4Launch& launch = plan.products.emplace_back(launch_of(group));
    for (size_t i = 0; i < group.products.size(); ++i)
      launch.params.x[i] = quantiser.quantised(products[group.products[i]], x_rows);
    launch.params.linear.groups = groups;
    launch.params.linear.groups.tiles = static_cast<uint32_t>(tiles(products.front(), variant));
  }
  YOKE_ASSERT(plan.products.size() <= 1);  // the tables of matrices count the products of one launch
  return plan;
}

}  // namespace yoke::kernels::cuda
