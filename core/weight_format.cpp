#include "core/weight_format.h"

#include <fmt/format.h>

namespace yoke {
namespace {

constexpr int64_t kNibblesAWord = 8;
// Packed BF16: units of 8 columns hold 12 bits a weight.
constexpr int64_t kPackedUnit = 8;
// A panel's table (16 exponents, or a base for each output) and the link to its exceptions.
constexpr uint64_t kPackedWordsAPanel = 4 + 1;
// One weight in 340 may be an exception, one scale in 40: 0.094 and 0.05 bits a weight. Small parts get 64 more.
constexpr uint64_t kWeightsAnException = 340;
constexpr uint64_t kScalesAnException = 40;
constexpr uint64_t kFewestExceptions = 64;

std::string code_name(Dtype codes) {
  if (codes == Dtype::f8_e4m3) return "FP8";
  if (codes == Dtype::f8_e5m2) return "FP8 E5M2";
  if (codes == Dtype::e2m1) return "FP4";
  return std::string(name(codes));
}

// Of scales along K: 32 where every edge of 32 columns is an edge of no group or of a whole number of them.
int64_t cut_group_of_scales(int64_t along_k) { return along_k > 0 && along_k % 32 == 0 ? 32 : 16; }

Range touched(int64_t begin, int64_t size, int64_t unit) {
  if (size == 0) return {begin / unit, begin / unit};
  return {begin / unit, ceil_div(begin + size, unit)};
}

}  // namespace

std::string name(const WeightFormat& f) {
  if (f.packed) {
    WeightFormat of = f;
    of.packed = false;
    return name(of) + " packed";
  }
  if (f.codes == Dtype::e2m1 && f.scales == Scales::per_group) {
    if (f.scale_dtype == Dtype::f8_e4m3 && f.group == 16) return "NVFP4";
    if (f.scale_dtype == Dtype::f8_e8m0 && f.group == 32) return "MXFP4";
  }
  std::string text = code_name(f.codes);
  switch (f.scales) {
    case Scales::none: break;
    case Scales::per_row: text += " per row"; break;
    case Scales::per_block: text += fmt::format(" {}x{}", f.group, f.group); break;
    case Scales::per_group: text += fmt::format(" g{}", f.group); break;
  }
  if (f.zero_points) text += " zeros";
  if (f.listed_groups) text += " act-order";
  return text;
}

bool packable(const WeightFormat& f, int64_t cols) {
  if (cols > kMostPackedColumns) return false;
  if (f.codes == Dtype::bf16) return f.scales == Scales::none && !f.global;
  return f.codes == Dtype::e2m1 && f.scales == Scales::per_group && f.scale_dtype == Dtype::f8_e4m3 && !f.listed_groups;
}

int64_t column_unit(const WeightFormat& format) {
  if (format.codes == Dtype::e2m1 || format.codes == Dtype::int4) return kNibblesAWord;
  return info(format.codes).block_elements;
}

int64_t feature_cut_group(const WeightFormat& format) {
  if (info(format.codes).scale_elements > 0) return cut_group_of_scales(info(format.codes).scale_elements);
  return format.scales == Scales::per_group ? cut_group_of_scales(format.group) : 16;
}

int64_t PackedShape::stored_begin() const {
  const int64_t unit = column_unit(format);
  return col_begin / unit * unit;
}

int64_t PackedShape::stored_end() const {
  return cols == 0 ? stored_begin() : round_up(col_begin + cols, column_unit(format));
}

Range PackedShape::held_groups() const {
  if (format.scales != Scales::per_group) return {};
  return format.listed_groups && cols > 0 ? Range{0, groups} : touched(col_begin, cols, format.group);
}

Range PackedShape::square_rows() const {
  return format.scales == Scales::per_block ? touched(row_begin, rows, format.group) : Range{};
}

Range PackedShape::square_cols() const {
  return format.scales == Scales::per_block ? touched(col_begin, cols, format.group) : Range{};
}

uint64_t PackedShape::panel_code_bytes() const {
  constexpr uint64_t kLanes = static_cast<uint64_t>(kPanelRows);
  const int64_t columns = stored_end() - stored_begin();
  if (format.packed && format.codes == Dtype::bf16) return kLanes * 3 / 2 * static_cast<uint64_t>(round_up(columns, kPackedUnit));
  return kLanes * row_bytes(format.codes, columns);
}

uint64_t PackedShape::panel_scale_bytes() const {
  const uint64_t scales = static_cast<uint64_t>(kPanelRows * held_groups().size());
  return format.packed ? scales / 2 : scales * static_cast<uint64_t>(info(format.scale_dtype).block_bytes);
}

uint64_t PackedShape::panel_bytes() const {
  uint64_t bytes = panel_code_bytes() + panel_scale_bytes();
  if (format.zero_points) bytes += static_cast<uint64_t>(kPanelRows / 2 * held_groups().size());
  return bytes;
}

uint64_t PackedShape::exception_words() const {
  const uint64_t lanes = static_cast<uint64_t>(round_up(rows, kPanelRows));
  const bool scales = format.scales == Scales::per_group;
  const uint64_t codes = lanes * static_cast<uint64_t>(scales ? held_groups().size() : stored_end() - stored_begin());
  return 1 + kFewestExceptions + codes / (scales ? kScalesAnException : kWeightsAnException);
}

uint64_t PackedShape::bytes() const {
  if (rows == 0 || cols == 0) return 0;
  const uint64_t panels = static_cast<uint64_t>(ceil_div(rows, kPanelRows));
  uint64_t floats = 0;  // and other words
  if (format.scales == Scales::per_row) floats += panels * static_cast<uint64_t>(kPanelRows);
  floats += static_cast<uint64_t>(square_rows().size() * square_cols().size());
  if (format.listed_groups) floats += static_cast<uint64_t>(cols);
  if (format.global) floats += 1;
  if (format.packed) floats += panels * kPackedWordsAPanel + exception_words();
  return (panels * panel_bytes() + sizeof(float) * floats + 63) / 64 * 64;
}

}  // namespace yoke
