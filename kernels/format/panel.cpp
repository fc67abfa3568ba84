#include "kernels/format/panel.h"

#include "core/error.h"
#include "core/units.h"

namespace yoke::kernels::format {
namespace {

constexpr UnitFields fields_of(Dtype codes) {
  switch (codes) {
    case Dtype::f32: return {0, 0, 1};
    case Dtype::f16:
    case Dtype::bf16: return {1, 0, 0};
    case Dtype::f8_e4m3:
    case Dtype::f8_e5m2: return {0, 1, 0};
    case Dtype::e2m1:
    case Dtype::int4: return {0, 0, 1};
    case Dtype::q8_0: return {1, 32, 0};
    case Dtype::q4_0:
    case Dtype::iq4_nl: return {1, 0, 4};
    case Dtype::q4_1: return {2, 0, 4};
    case Dtype::q5_0: return {1, 0, 5};
    case Dtype::q5_1: return {2, 0, 5};
    case Dtype::mxfp4: return {0, 1, 4};
    case Dtype::nvfp4: return {0, 4, 8};
    case Dtype::q2_k: return {2, 16, 16};
    case Dtype::q3_k: return {1, 12, 24};
    case Dtype::q4_k: return {2, 12, 32};
    case Dtype::q5_k: return {2, 12, 40};
    case Dtype::q6_k: return {1, 16, 48};
    case Dtype::iq4_xs: return {2, 4, 32};
    case Dtype::f64:
    case Dtype::i64:
    case Dtype::i32:
    case Dtype::i16:
    case Dtype::i8:
    case Dtype::u64:
    case Dtype::u32:
    case Dtype::u16:
    case Dtype::u8:
    case Dtype::boolean:
    case Dtype::f8_e8m0: break;
  }
  return {};
}

// The fields are the file's bytes in another order, none more and none fewer.
constexpr bool fields_fill_the_units() {
  for (const DtypeInfo& row : kDtypes) {
    if (!row.weight) continue;
    const UnitFields f = fields_of(row.dtype);
    if (static_cast<size_t>(2 * f.halves + f.bytes + 4 * f.words) != unit_bytes(row.dtype)) return false;
  }
  return true;
}
static_assert(fields_fill_the_units());

}  // namespace

UnitFields unit_fields(Dtype codes) {
  YOKE_ASSERT(info(codes).weight);
  return fields_of(codes);
}

PanelOffsets panel_offsets(const PackedShape& shape) {
  const size_t codes = static_cast<size_t>(shape.panel_code_bytes());
  return {codes, codes + static_cast<size_t>(shape.panel_scale_bytes()), static_cast<size_t>(shape.panel_bytes())};
}

TailOffsets tail_offsets(const PackedShape& shape) {
  const size_t panels = static_cast<size_t>(ceil_div(shape.rows, kPanelRows));
  const size_t row_scales = panels * static_cast<size_t>(shape.panel_bytes());
  const size_t block_scales = row_scales + (shape.format.scales == Scales::per_row ? sizeof(float) * kPanelLanes * panels : 0);
  const size_t squares = static_cast<size_t>(shape.square_rows().size() * shape.square_cols().size());
  const size_t column_groups = block_scales + sizeof(float) * squares;
  const size_t listed = shape.format.listed_groups ? static_cast<size_t>(shape.cols) : 0;
  const size_t global = column_groups + sizeof(int32_t) * listed;
  const size_t tables = global + (shape.format.global ? sizeof(float) : 0);
  const size_t links = tables + kPanelLanes * panels;
  return {row_scales, block_scales, column_groups, global, tables, links, links + sizeof(uint32_t) * panels};
}

}  // namespace yoke::kernels::format
