#include "kernels/cuda/linear_launch.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/units.h"
#include "kernels/format/panel.h"

namespace yoke::kernels::cuda {
namespace {

struct Row {
  const char* name;
  LinearRing ring;
};
constexpr Row kBf16{"linear_bf16", kBf16Ring};
constexpr Row kPackedBf16{"linear_packed_bf16", kPackedBf16Ring};
constexpr Row kFp8{"linear_fp8", kFp8Ring};
constexpr Row kFp8Blocks{"linear_fp8_blocks", kFp8Ring};
constexpr Row kNvfp4{"linear_nvfp4", kNvfp4Ring};
constexpr Row kPackedNvfp4{"linear_packed_nvfp4", kPackedNvfp4Ring};
constexpr Row kMxfp4{"linear_mxfp4", kMxfp4Ring};
constexpr Row kGgufNvfp4{"linear_gguf_nvfp4", kGgufNvfp4Ring};
constexpr Row kGgufMxfp4{"linear_gguf_mxfp4", kGgufMxfp4Ring};

// Null: none.
const Row* row_of(const WeightFormat& f) {
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
    case Dtype::nvfp4: return plain ? &kGgufNvfp4 : nullptr;
    case Dtype::mxfp4: return plain ? &kGgufMxfp4 : nullptr;
    default: return nullptr;
  }
}

const Row& row_for(const WeightFormat& f) {
  const Row* row = row_of(f);
  if (row == nullptr) {
    throw Error{Code::unsupported, fmt::format("weights of format {} have no product in mode bf16 on cuda; use mode exact, or --device cpu", name(f))};
  }
  return *row;
}

// The kernels of one format: for so many rows a block, so many panels a block.
struct Variant {
  const char* suffix;
  uint32_t rows, panels;
  bool split;
};
constexpr Variant kVariants[] = {{"_8", 8, 1, true}, {"_16", 16, 1, true}, {"_32", 32, kLinearWarps, false}, {"_64", 64, kLinearWarps, false}};

const Variant& variant_for(int64_t rows) {
  for (const Variant& v : kVariants) {
    if (rows <= v.rows) return v;
  }
  return kVariants[3];
}

LinearMatrix matrix_of(const PackedShape& s) {
  LinearMatrix m{};
  m.cols = static_cast<uint32_t>(s.cols);
  if (s.rows == 0 || s.cols == 0) return m;  // nothing is held
  const WeightFormat& f = s.format;
  const format::TailOffsets tail = format::tail_offsets(s);
  m.panel_bytes = s.panel_bytes();
  m.code_bytes = static_cast<uint32_t>(s.panel_code_bytes());
  m.scale_bytes = static_cast<uint32_t>(s.panel_scale_bytes());
  m.shift = static_cast<uint32_t>(s.col_begin - s.stored_begin());
  m.units = static_cast<uint32_t>(ceil_div(s.stored_end() - s.stored_begin(), kLinearUnit));
  if (f.scales == Scales::per_row) m.row_scales = tail.row_scales;
  if (f.scales == Scales::per_group) m.phase = static_cast<uint32_t>(s.stored_begin() % f.group / 8);
  if (f.scales == Scales::per_block) {
    m.block_scales = tail.block_scales;
    m.group = static_cast<uint32_t>(f.group);
    m.block_row = static_cast<uint32_t>(s.row_begin % f.group);
    m.block_col = static_cast<uint32_t>(s.col_begin % f.group);
    m.block_rows = static_cast<uint32_t>(s.square_rows().size());
    m.block_stride = static_cast<uint32_t>(s.square_cols().size());
  }
  if (f.global) m.global = tail.global;
  if (f.packed) {
    m.tables = tail.tables;
    m.links = tail.links;
    m.exceptions = tail.exceptions;
  }
  return m;
}

LinearProblem problem_of(const Linear& product) {
  const Range panels = panels_of(product);
  LinearProblem p{};
  p.matrix = matrix_of(product.w.shape);
  p.w = product.w.data;
  p.bias = product.bias;
  p.x = product.x;
  p.y = product.y;
  p.x_stride = product.x_stride;
  p.y_stride = product.y_stride;
  p.rows = static_cast<uint32_t>(product.rows);
  p.panel_begin = static_cast<uint32_t>(panels.begin);
  p.panel_end = static_cast<uint32_t>(panels.end);
  p.outputs_begin = static_cast<uint32_t>(product.outputs.empty() ? 0 : product.outputs.begin);
  p.outputs_end = static_cast<uint32_t>(product.outputs.empty() ? product.w.rows() : std::min(product.outputs.end, product.w.rows()));
  return p;
}

LinearLaunch launch_of(const Row& row, const Variant& variant) {
  LinearLaunch launch;
  launch.image = row.name;
  launch.kernel = std::string(row.name) + variant.suffix;
  launch.shared_bytes = variant.split ? linear_split_bytes(row.ring) : linear_tile_bytes(row.ring, variant.rows / 8);
  return launch;
}

void add(LinearLaunch& launch, LinearProblem problem, const Variant& variant, int64_t row_tiles) {
  problem.first_block = launch.grid;
  launch.params.problems[launch.params.count++] = problem;
  const int64_t ranges = ceil_div(int64_t{problem.panel_end} - problem.panel_begin, variant.panels);
  launch.grid += static_cast<uint32_t>(ranges * row_tiles);
}

// Products of one format and one variant share a launch.
struct Open {
  const Row* row;
  const Variant* variant;
  size_t launch;
};

template <class Tiles>
std::vector<LinearLaunch> plan(std::span<const Linear> products, int64_t variant_rows, const LinearGroups* groups, const Tiles& row_tiles) {
  std::vector<LinearLaunch> launches;
  std::vector<Open> open;
  for (const Linear& product : products) {
    if (product.rows == 0 || panels_of(product).empty()) continue;
    const Row& row = row_for(product.w.shape.format);
    const Variant& variant = variant_for(groups != nullptr ? variant_rows : product.rows);
    const auto same = [&](const Open& o) {
      return o.row == &row && o.variant == &variant && launches[o.launch].params.count < kMostLinearProblems;
    };
    auto at = std::find_if(open.begin(), open.end(), same);
    if (at == open.end()) {
      at = open.insert(open.end(), {&row, &variant, launches.size()});
      launches.push_back(launch_of(row, variant));
    }
    add(launches[at->launch], problem_of(product), variant, row_tiles(product, variant));
  }
  return launches;
}

}  // namespace

bool supports_bf16(const WeightFormat& format) { return row_of(format) != nullptr; }

std::vector<LinearLaunch> plan_linear(std::span<const Linear> products) {
  return plan(products, 0, nullptr, [](const Linear& product, const Variant& v) { return ceil_div(product.rows, int64_t{v.rows}); });
}

std::vector<LinearLaunch> plan_grouped_linear(std::span<const Linear> products, const LinearGroups& groups) {
  if (products.empty()) return {};
  const int64_t positions = products.front().rows, experts = groups.experts;
  // Every expert may end in a tile that is not full.
  const auto tiles = [&](const Linear&, const Variant& v) { return std::min(experts, positions) + positions / int64_t{v.rows}; };
  const int64_t usual = ceil_div(positions, std::max<int64_t>(1, experts));
  std::vector<LinearLaunch> launches = plan(products, usual, &groups, tiles);
  YOKE_ASSERT(launches.size() <= 1);  // the tables of matrices count the products of one launch
  for (LinearLaunch& launch : launches) {
    launch.params.groups = groups;
    launch.params.groups.tiles = static_cast<uint32_t>(tiles(products.front(), variant_for(usual)));
  }
  return launches;
}

}  // namespace yoke::kernels::cuda
