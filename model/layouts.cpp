#include "model/layouts.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/units.h"
#include "model/bad_file.h"
#include "model/layout_table.h"

namespace yoke::model {
namespace {

using Shape = std::vector<int64_t>;

bool is_fp8(Dtype dtype) {
  return dtype == Dtype::f8_e4m3 || dtype == Dtype::f8_e5m2;
}

bool codes_match(const LayoutRow& row, const TensorInfo& codes) {
  if (row.dtype == Dtype::f32) return info(codes.dtype).weight && !is_fp8(codes.dtype);
  return row.dtype == Dtype::f8_e4m3 ? is_fp8(codes.dtype) : codes.dtype == row.dtype;
}

bool scales_match(const LayoutRow& row, const TensorInfo& scales) {
  switch (row.kind) {
    case ScaleKind::none:
      return true;
    case ScaleKind::nvfp4:
      return scales.dtype == Dtype::f8_e4m3;
    case ScaleKind::mxfp4:
      return scales.dtype == Dtype::u8 || scales.dtype == Dtype::f8_e8m0;
    case ScaleKind::square:
    case ScaleKind::fp8:
    case ScaleKind::int4_by_row:
    case ScaleKind::int4_by_column:
      return is_float(scales.dtype);
  }
  return false;
}

class Filler {
 public:
  Filler(TensorIndex& tensors, const Container& container, Weight& weight)
      : tensors_(tensors), box_(container), weight_(weight), of_(name(weight.role)) {}

  bool fits(const LayoutRow& row) const {
    const QuantMethod method = tensors_.checkpoint().quantisation.method;
    const TensorInfo* codes = tensors_.find(part(row.codes));
    if (codes == nullptr || !codes_match(row, *codes) || (row.only != kAny && row.only != method)) return false;
    const TensorInfo* scales = row.scales.empty() ? nullptr : tensors_.find(part(row.scales));
    return row.scales.empty() || (scales != nullptr && scales_match(row, *scales));
  }

  void fill(const LayoutRow& row) {
    weight_.codes = tensors_.take(part(row.codes));
    weight_.layout = row.words == Words::gptq                          ? CodeLayout::gptq
                     : row.words == Words::awq                         ? CodeLayout::awq
                     : box_.transposed && row.words == Words::elements ? CodeLayout::columns
                                                                       : CodeLayout::rows;
    weight_.format.codes = row.words == Words::elements                              ? weight_.codes->dtype
                           : row.words == Words::pairs || row.words == Words::blocks ? Dtype::e2m1
                                                                                     : Dtype::int4;
    if (weight_.layout == CodeLayout::columns && !is_float(weight_.codes->dtype))
      tensors_.refuse_type(*weight_.codes, "F32, F16 or BF16 for a matrix that lies [in, out]");
    demand(*weight_.codes, codes_shape(row.words));
    if (!row.scales.empty()) weight_.scales = tensors_.take(part(row.scales));
    fill_scales(row);
    if (!row.global.empty()) fill_global(row);
  }

 private:
  std::string part(std::string_view suffix) const { return box_.module + std::string(suffix); }

  Shape with_planes(Shape shape) const {
    if (box_.planes > 0) shape.insert(shape.begin(), box_.planes);
    return shape;
  }

  void demand(const TensorInfo& tensor, const Shape& shape) const {
    const Shape expected = with_planes(shape);
    if (tensor.shape != expected) tensors_.refuse_shape(tensor, listed(expected), of_);
  }

  // Codes that share a word must fill it: no exporter pads these.
  void demand_whole(int64_t n, int64_t unit, std::string_view along) const {
    if (n % unit == 0) return;
    tensors_.refuse_shape(*weight_.codes,
                          fmt::format("a multiple of {} {}, which the model's {} are not,", unit, along, n), of_);
  }

  Shape codes_shape(Words words) const {
    switch (words) {
      case Words::elements:
        return box_.transposed ? Shape{box_.cols, box_.rows} : Shape{box_.rows, box_.cols};
      case Words::pairs:
        demand_whole(box_.cols, 2, "inputs");
        return {box_.rows, box_.cols / 2};
      case Words::blocks:
        demand_whole(box_.cols, 32, "inputs");
        return {box_.rows, box_.cols / 32, 16};
      case Words::by_row:
        return {box_.rows, ceil_div(box_.cols, 8)};
      case Words::gptq:
        demand_whole(box_.cols, 8, "inputs");
        return {box_.cols / 8, box_.rows};
      case Words::awq:
        demand_whole(box_.rows, 8, "outputs");
        return {box_.cols, box_.rows / 8};
    }
    return {};
  }

  void fill_scales(const LayoutRow& row) {
    WeightFormat& f = weight_.format;
    switch (row.kind) {
      case ScaleKind::none:
        return;
      case ScaleKind::nvfp4:
        demand_whole(box_.cols, 16, "inputs");
        return fill_groups(16, Dtype::f8_e4m3);
      case ScaleKind::mxfp4:
        demand_whole(box_.cols, 32, "inputs");
        return fill_groups(32, Dtype::f8_e8m0);
      case ScaleKind::square:
        if (weight_.scales->shape.empty() || weight_.scales->shape == Shape{1}) return fill_fp8();
        return fill_squares();
      case ScaleKind::fp8:
        return fill_fp8();
      case ScaleKind::int4_by_row:
      case ScaleKind::int4_by_column:
        f.scale_dtype = weight_.scales->dtype;
        return fill_int4(row);
    }
  }

  void fill_groups(int32_t group, Dtype scale_dtype) {
    demand(*weight_.scales, {box_.rows, box_.cols / group});
    weight_.format.scales = Scales::per_group;
    weight_.format.scale_dtype = scale_dtype;
    weight_.format.group = group;
  }

  Shape squares_shape() const {
    const int64_t block = tensors_.checkpoint().quantisation.block;
    return with_planes({ceil_div(box_.rows, block), ceil_div(box_.cols, block)});
  }

  void fill_squares() {
    const int64_t block = tensors_.checkpoint().quantisation.block;
    if (weight_.scales->shape != squares_shape())
      tensors_.refuse_shape(*weight_.scales,
                            fmt::format("{} for blocks of {} x {}", listed(squares_shape()), block, block), of_);
    weight_.format.scales = Scales::per_block;
    weight_.format.group = static_cast<int32_t>(block);
  }

  // One scale for each row, for each square or, as a scalar, for all.
  void fill_fp8() {
    const TensorInfo& scales = *weight_.scales;
    if (box_.planes == 0 && (scales.shape.empty() || scales.shape == Shape{1})) {
      weight_.global = weight_.scales;
      weight_.scales = nullptr;
      weight_.format.global = true;
      return;
    }
    if (scales.shape != with_planes({box_.rows, 1}) && scales.shape != with_planes({box_.rows})) return fill_squares();
    weight_.format.scales = Scales::per_row;
  }

  // The group size that file and tensor agree on.
  int64_t group_of(int64_t groups) const {
    std::string stated;
    for (const int64_t size : tensors_.checkpoint().quantisation.groups) {
      const int64_t group = size <= 0 ? box_.cols : size;
      if (groups == ceil_div(box_.cols, group)) return group;
      stated += fmt::format("{}{}", stated.empty() ? "" : " or ", group);
    }
    if (stated.empty() && groups > 0 && box_.cols % groups == 0) return box_.cols / groups;
    tensors_.refuse_shape(
        *weight_.scales,
        fmt::format("scales for groups of {} of {} inputs", stated.empty() ? "one size" : stated, box_.cols), of_);
  }

  void fill_int4(const LayoutRow& row) {
    const bool by_row = row.kind == ScaleKind::int4_by_row;
    const Shape& shape = weight_.scales->shape;
    const int64_t groups = shape.size() == 2 ? shape[by_row ? 1 : 0] : 0;
    if (shape != (by_row ? Shape{box_.rows, groups} : Shape{groups, box_.rows}))
      tensors_.refuse_shape(*weight_.scales,
                            by_row ? fmt::format("[{}, groups]", box_.rows) : fmt::format("[groups, {}]", box_.rows),
                            of_);
    WeightFormat& f = weight_.format;
    f.scales = Scales::per_group;
    f.group = static_cast<int32_t>(group_of(groups));
    weight_.zeros = tensors_.take(part(row.zeros));
    if (weight_.zeros != nullptr) {
      f.zero_points = true;
      if (!by_row) demand_whole(box_.rows, 8, "outputs");
      demand_i32(*weight_.zeros, by_row ? Shape{ceil_div(box_.rows, 8), groups} : Shape{groups, box_.rows / 8});
      if (row.words == Words::gptq) f.zero_bias = tensors_.checkpoint().quantisation.zero_bias;
    } else if (!by_row) {
      refuse_missing_part(row.zeros);
    }
    if (!row.groups.empty()) fill_group_list(row, groups);
  }

  void fill_group_list(const LayoutRow& row, int64_t groups) {
    const TensorInfo* list = tensors_.take(part(row.groups));
    const bool gptq = row.words == Words::gptq;
    const bool listed = groups > 1 && (gptq ? tensors_.checkpoint().quantisation.listed_groups : list != nullptr);
    if (!listed) return;
    if (list == nullptr) refuse_missing_part(row.groups);
    demand_i32(*list, {box_.cols});
    weight_.format.listed_groups = true;
    weight_.groups = list;
  }

  void fill_global(const LayoutRow& row) {
    const TensorInfo* global = tensors_.take(part(row.global));
    const bool optional = row.kind == ScaleKind::none;
    if (global == nullptr && optional) return;
    if (global == nullptr) refuse_missing_part(row.global);
    const bool scalar = global->shape.empty() || global->shape == Shape{1};
    const bool one_a_plane = box_.planes > 0 && global->shape == Shape{box_.planes};
    if (!(box_.planes > 1 ? one_a_plane : scalar || one_a_plane))
      tensors_.refuse_shape(*global, box_.planes > 0 ? listed(Shape{box_.planes}) : "[] or [1]", of_);
    if (!is_float(global->dtype)) tensors_.refuse_type(*global, "F32, F16 or BF16 for a scale");
    weight_.global = global;
    weight_.global_divides = row.global_divides;
    weight_.format.global = true;
  }

  void demand_i32(const TensorInfo& tensor, const Shape& shape) const {
    demand(tensor, shape);
    if (tensor.dtype != Dtype::i32) tensors_.refuse_type(tensor, "I32");
  }

  [[noreturn]] void refuse_missing_part(std::string_view suffix) const {
    refuse({.file = tensors_.checkpoint().files.at(weight_.codes->file),
            .offset = weight_.codes->offset,
            .found = fmt::format("tensor {} without {}", printable(weight_.codes->name), printable(part(suffix))),
            .expected = fmt::format("both for {}", of_),
            .remedy = "the model is incomplete: download or convert it again"});
  }

  TensorIndex& tensors_;
  const Container& box_;
  Weight& weight_;
  std::string_view of_;
};

// Codes are there, but no layout of ours: the message says what lies beside them.
[[noreturn]] void refuse_layout(const TensorIndex& tensors, const TensorInfo& codes, std::string_view of) {
  throw Error{
      Code::unsupported,
      fmt::format("{}, byte {}: tensor {} of type {} {} for {} is in no layout that this build reads: its scales are "
                  "missing or of another type, or the configuration names another method of quantisation",
                  tensors.checkpoint().files.at(codes.file).string(), codes.offset, printable(codes.name),
                  yoke::name(codes.dtype), listed(codes.shape), of)};
}

}  // namespace

bool fill_from_layout(TensorIndex& tensors, const Container& container, Weight& weight) {
  if (!tensors.any_begins_with(container.module)) return false;
  Filler filler(tensors, container, weight);
  const TensorInfo* codes = nullptr;
  for (const LayoutRow& row : kLayouts) {
    if (filler.fits(row)) return filler.fill(row), true;
    if (codes == nullptr) codes = tensors.find(container.module + std::string(row.codes));
  }
  if (codes != nullptr) refuse_layout(tensors, *codes, name(weight.role));
  return false;
}

}  // namespace yoke::model
