#include "kernels/cuda/exact_launch.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "core/error.h"
#include "kernels/format/panel.h"

namespace yoke::kernels::cuda {
namespace {

struct CodesRow {
  Dtype codes;
  bool packed;
  std::string_view name;
};
constexpr CodesRow kCodes[] = {
    {Dtype::f32, false, "f32"},       {Dtype::f16, false, "f16"},         {Dtype::bf16, false, "bf16"},
    {Dtype::bf16, true, "packed_bf16"}, {Dtype::f8_e4m3, false, "e4m3"},    {Dtype::f8_e5m2, false, "e5m2"},
    {Dtype::e2m1, false, "e2m1"},     {Dtype::e2m1, true, "packed_nvfp4"}, {Dtype::mxfp4, false, "mxfp4"},
    {Dtype::nvfp4, false, "nvfp4"},
};

const CodesRow* codes_of(const WeightFormat& format) {
  for (const CodesRow& row : kCodes) {
    if (row.codes == format.codes && row.packed == format.packed) return &row;
  }
  return nullptr;
}

std::optional<WeightScales> scales_of(const WeightFormat& format) {
  switch (format.scales) {
    case Scales::none: return WeightScales::none;
    case Scales::per_row: return WeightScales::per_row;
    case Scales::per_block: return WeightScales::per_block;
    case Scales::per_group: break;
  }
  switch (format.scale_dtype) {
    case Dtype::f32: return WeightScales::f32;
    case Dtype::f16: return WeightScales::f16;
    case Dtype::bf16: return WeightScales::bf16;
    case Dtype::f8_e4m3: return WeightScales::e4m3;
    case Dtype::f8_e8m0: return WeightScales::e8m0;
    default: return std::nullopt;
  }
}

// 16-byte loads of x start where a stored column is a multiple of 8.
bool reads_by_vector(const WeightParams& w, const float* x, int64_t stride) {
  return reinterpret_cast<uintptr_t>(x) % 16 == 0 && stride % 4 == 0 && w.stored % 4 == 0;
}

ExactProduct product_of(const WeightParams& w, const float* x, int64_t x_stride) {
  return {.w = w, .x = x, .x_stride = x_stride, .vector = reads_by_vector(w, x, x_stride)};
}

// One row of threads an output; spans side by side as far as there are any.
uint32_t product_threads(const WeightParams& w, bool alone) {
  const int64_t spans = std::clamp<int64_t>(ceil_div(w.cols, kSpan), 1, kExactThreads / 16);
  return static_cast<uint32_t>(std::max<int64_t>(round_up(spans * 16, 32), alone ? 32 : 16 * kExactRows));
}

std::string kernel_name(std::string_view op, std::string_view codes, bool alone) { return fmt::format("{}_{}_r{}", op, codes, alone ? 1 : kExactRows); }

void launch_products(Launcher& launcher, std::string_view codes, std::span<const ExactProduct> products, int64_t rows) {
  LinearExactParams params{.rows = rows};
  const bool alone = rows == 1;
  uint32_t threads = 0;
  int64_t panels = 0;
  for (size_t i = 0; i < products.size(); ++i) {
    params.products[i] = products[i];
    panels += products[i].panels;
    threads = std::max(threads, product_threads(products[i].w, alone));
  }
  YOKE_ASSERT(panels <= kMostGridRows);
  launcher.launch("linear_exact", kernel_name("linear_exact", codes, alone),
                  {.x = blocks_of(rows, alone ? 1 : kExactRows), .y = static_cast<uint32_t>(panels), .threads = threads}, params);
}

}  // namespace

bool reads_weights(const WeightFormat& format) {
  return codes_of(format) != nullptr && scales_of(format) && !format.zero_points && !format.listed_groups;
}

CodedWeights coded_weights(const PackedMatrix& w) {
  const PackedShape& s = w.shape;
  if (!reads_weights(s.format)) throw Error{Code::unsupported, fmt::format("no CUDA kernel reads {} weights; run the model with --device cpu", name(s.format)), "device"};
  const format::TailOffsets tail = format::tail_offsets(s);
  const int64_t block = info(s.format.codes).scale_elements;
  WeightParams p{.data = reinterpret_cast<const unsigned char*>(w.data),
                 .panel_bytes = static_cast<int64_t>(s.panel_bytes()),
                 .scales_offset = static_cast<int64_t>(format::panel_offsets(s).scales),
                 .row_scales = static_cast<int64_t>(tail.row_scales),
                 .block_scales = static_cast<int64_t>(tail.block_scales),
                 .global = static_cast<int64_t>(tail.global),
                 .tables = static_cast<int64_t>(tail.tables),
                 .links = static_cast<int64_t>(tail.links),
                 .exceptions = static_cast<int64_t>(tail.exceptions),
                 .rows = static_cast<int32_t>(s.rows),
                 .cols = static_cast<int32_t>(s.cols),
                 .stored = static_cast<int32_t>(s.col_begin - s.stored_begin()),
                 .group_shift = 0,
                 .group_size = std::numeric_limits<int32_t>::max(),  // one group
                 .first_group = 0,
                 .row_begin = static_cast<int32_t>(s.row_begin),
                 .scales = *scales_of(s.format),
                 .has_global = s.format.global};
  if (block > 0) {
    p.group_shift = p.stored;
    p.group_size = static_cast<int32_t>(block);
  } else if (s.format.scales == Scales::per_group || s.format.scales == Scales::per_block) {
    const bool squares = s.format.scales == Scales::per_block;
    p.group_shift = static_cast<int32_t>(s.col_begin);
    p.group_size = s.format.group;
    p.first_group = static_cast<int32_t>(squares ? s.square_cols().begin : s.held_groups().begin);
    p.first_square_row = static_cast<int32_t>(s.square_rows().begin);
    p.square_columns = static_cast<int32_t>(s.square_cols().size());
  }
  return {p, codes_of(s.format)->name};
}

void launch_linear_exact(Launcher& launcher, std::span<const Linear> problems) {
  std::vector<std::pair<std::string_view, std::vector<ExactProduct>>> by_codes;
  int64_t rows = 0;
  for (const Linear& p : problems) {
    const Range panels = panels_of(p);
    if (p.rows == 0 || panels.empty()) continue;
    YOKE_ASSERT(rows == 0 || rows == p.rows);
    rows = p.rows;
    const CodedWeights w = coded_weights(p.w);
    ExactProduct product = product_of(w.params, p.x, p.x_stride);
    product.y = p.y - p.outputs.begin;
    product.y_stride = p.y_stride;
    product.bias = p.bias;
    product.first_panel = static_cast<int32_t>(panels.begin);
    product.panels = static_cast<int32_t>(panels.size());
    auto same = std::find_if(by_codes.begin(), by_codes.end(), [&](const auto& row) { return row.first == w.codes; });
    if (same == by_codes.end()) same = by_codes.insert(by_codes.end(), {w.codes, {}});
    same->second.push_back(product);
  }
  for (const auto& [codes, products] : by_codes) {
    for (size_t first = 0; first < products.size(); first += kMostProducts) {
      const size_t count = std::min(products.size() - first, static_cast<size_t>(kMostProducts));
      launch_products(launcher, codes, std::span(products).subspan(first, count), rows);
    }
  }
}

void launch_grouped_exact(Launcher& launcher, const GroupedLinear& p, const ExpertData* experts) {
  if (p.pairs == 0 || p.experts.empty()) return;
  const CodedWeights w = coded_weights(p.experts[0]);
  GroupedExactParams params{.product = product_of(w.params, p.x, p.x_stride), .experts = experts,
                            .expert_count = static_cast<int32_t>(p.experts.size()), .top_k = static_cast<int32_t>(p.top_k),
                            .offsets = p.offsets, .slots = p.slots};
  params.product.y = p.y;
  params.product.y_stride = p.experts[0].rows();
  // Few pairs are of an expert each: none shares a decoded weight.
  const bool alone = p.pairs <= 4 * static_cast<int64_t>(p.experts.size());
  launcher.launch("grouped_exact", kernel_name("grouped_exact", w.codes, alone),
                  {.x = blocks_of(p.pairs, alone ? 1 : kExactRows), .y = static_cast<uint32_t>(ceil_div(p.experts[0].rows(), kPanelRows)),
                   .threads = product_threads(w.params, alone)},
                  params);
}

void launch_embedding(Launcher& launcher, const EmbeddingLookup& p) {
  const int64_t rows = static_cast<int64_t>(p.rows_of_w.size());
  if (rows == 0 || p.w.cols() == 0) return;
  const CodedWeights w = coded_weights(p.w);
  launcher.launch("embedding", fmt::format("embedding_{}", w.codes),
                  {.x = blocks_of(p.w.cols(), kEmbeddingThreads), .y = grid_rows(rows), .threads = kEmbeddingThreads},
                  EmbeddingParams{.w = w.params, .rows_of_w = p.rows_of_w.data(), .rows = rows, .y = p.y, .y_stride = p.y_stride});
}

}  // namespace yoke::kernels::cuda
