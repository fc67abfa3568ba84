#include "kernels/cuda/linear_plan.h"

#include "kernels/format/panel.h"

namespace yoke::kernels::cuda {
namespace {

constexpr LinearVariant kVariants[] = {
    {"_8", 8, 1, true}, {"_16", 16, 1, true}, {"_32", 32, kLinearWarps, false}, {"_64", 64, kLinearWarps, false}};

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

}  // namespace

LinearProblem linear_problem(const Linear& product) {
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
  p.outputs_end = static_cast<uint32_t>(product.outputs.empty() ? product.w.rows()
                                                                : std::min(product.outputs.end, product.w.rows()));
  return p;
}

const LinearVariant& linear_variant(int64_t rows) {
  for (const LinearVariant& v : kVariants) {
    if (rows <= v.rows) return v;
  }
  return kVariants[3];
}

}  // namespace yoke::kernels::cuda
