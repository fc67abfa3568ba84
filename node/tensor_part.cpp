#include "node/tensor_part.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace yoke::node {
namespace {

using model::TensorInfo;
using model::Weight;
using parallel::Slice;

constexpr int64_t kPerWord = 8;      // nibbles of an i32
constexpr int64_t kColumnUnit = 64;  // kernels/packed_matrix.h: pieces of one panel may be packed at once

uint64_t element_bytes(const TensorInfo& tensor) { return static_cast<uint64_t>(info(tensor.dtype).block_bytes); }

// Lines of a plane, where the tensor's slowest dimension counts experts.
int64_t plane_lines(const Weight& weight, const TensorInfo& tensor, uint64_t line_bytes) {
  if (weight.plane == 0) return 0;
  return static_cast<int64_t>(tensor.bytes / static_cast<uint64_t>(tensor.shape[0]) / line_bytes);
}

bool transposed(CodeLayout layout) { return layout == CodeLayout::gptq || layout == CodeLayout::awq; }

class Parts {
 public:
  explicit Parts(const Slice& slice) : slice_(slice), weight_(*slice.weight), format_(weight_.format), shape_(slice.shape()) {
    stored_ = {shape_.stored_begin(), std::min(shape_.stored_end(), round_up(weight_.cols, column_unit(format_)))};
    if (format_.scales == Scales::per_group) groups_ = shape_.held_groups();
  }

  std::vector<TensorPart> take() {
    if (slice_.form == parallel::Form::vector_f32) {
      TensorPart p = elements(Feed::vector, weight_.codes, slice_.cols);
      p.unit = 1;
      add(p);
      return std::move(parts_);
    }
    add_codes();
    switch (format_.scales) {
      case Scales::none: break;
      case Scales::per_row: add(elements(Feed::row_scales, weight_.scales, slice_.rows)); break;
      case Scales::per_block: add_block_scales(); break;
      case Scales::per_group: add_group_scales(); break;
    }
    if (format_.zero_points) add_zeros();
    if (format_.listed_groups) add_column_groups();
    if (format_.global) add_global();
    return std::move(parts_);
  }

 private:
  TensorPart part(Feed feed, const TensorInfo* tensor, uint64_t line_bytes) const {
    return {.slice = &slice_, .feed = feed, .tensor = tensor, .line_bytes = line_bytes, .first = weight_.plane * plane_lines(weight_, *tensor, line_bytes)};
  }

  void add(TensorPart part) {
    if (part.index.empty()) return;
    const uint64_t end = static_cast<uint64_t>(part.first + (part.index.end - 1) * part.step + 1) * part.line_bytes;
    if (end > part.tensor->bytes) {
      throw Error{Code::bad_file, fmt::format("{}: has {} bytes, {} needs {}", part.tensor->name, part.tensor->bytes, slice_.region(), end)};
    }
    parts_.push_back(part);
  }

  // Outputs lie side by side as lines (layout rows), begin at first_row and follow each other by row_step.
  TensorPart output_lines(Feed feed, const TensorInfo* tensor, uint64_t line_bytes) const {
    TensorPart p = part(feed, tensor, line_bytes);
    p.first += weight_.first_row;
    p.step = weight_.row_step;
    p.index = slice_.rows;
    p.unit = kPanelRows;
    return p;
  }

  // One number an index: each is a line of its own.
  TensorPart elements(Feed feed, const TensorInfo* tensor, Range index) const {
    TensorPart p = output_lines(feed, tensor, element_bytes(*tensor));
    p.index = index;
    return p;
  }

  // Where the slice's outputs begin in a line that holds outputs side by side, 8 in a word.
  void begin_in_words(TensorPart& p) const {
    demand_plain_rows();
    const int64_t output = weight_.first_row + slice_.rows.begin;
    p.byte_begin = static_cast<uint64_t>(output / kPerWord) * sizeof(int32_t);
    p.skip = static_cast<int>(output % kPerWord);
  }

  void demand_plain_rows() const {
    if (weight_.row_step == 1) return;
    throw Error{Code::unsupported, fmt::format("{}: outputs of two weights alternate in packed words; no known format does that", weight_.codes->name)};
  }

  void add_codes() {
    const TensorInfo* t = weight_.codes;
    switch (weight_.layout) {
      case CodeLayout::rows: {
        const int64_t cols = round_up(weight_.cols, format_.codes == Dtype::int4 ? kPerWord : 1);
        TensorPart p = output_lines(Feed::codes, t, row_bytes(format_.codes, cols));
        p.byte_begin = row_bytes(format_.codes, stored_.begin);
        return add(p);
      }
      case CodeLayout::columns: {
        TensorPart p = column_lines(static_cast<uint64_t>(t->cols()) * element_bytes(*t), stored_, kColumnUnit);
        p.byte_begin = static_cast<uint64_t>(weight_.first_row + slice_.rows.begin * weight_.row_step) * element_bytes(*t);
        return add(p);
      }
      case CodeLayout::gptq: {
        demand_plain_rows();
        const Range words{stored_.begin / kPerWord, ceil_div(stored_.end, kPerWord)};
        TensorPart p = column_lines(static_cast<uint64_t>(t->cols()) * sizeof(int32_t), words, kColumnUnit / kPerWord);
        p.byte_begin = static_cast<uint64_t>(weight_.first_row + slice_.rows.begin) * sizeof(int32_t);
        return add(p);
      }
      case CodeLayout::awq: {
        TensorPart p = column_lines(static_cast<uint64_t>(t->cols()) * sizeof(int32_t), {stored_.begin, std::min(stored_.end, weight_.cols)}, kColumnUnit);
        begin_in_words(p);
        return add(p);
      }
    }
  }

  TensorPart column_lines(uint64_t line_bytes, Range index, int64_t unit) const {
    TensorPart p = part(Feed::codes, weight_.codes, line_bytes);
    p.index = index;
    // Units count from the whole matrix's first column, pieces from the part's: where the two differ, one piece after the other. So
    // in a packed form, where the pieces of a panel share its table.
    p.unit = stored_.begin % kColumnUnit == 0 && !shape_.format.packed ? unit : 0;
    return p;
  }

  void add_group_scales() {
    const TensorInfo* t = weight_.scales;
    const uint64_t bytes = element_bytes(*t);
    if (transposed(weight_.layout)) {
      demand_plain_rows();
      TensorPart p = part(Feed::scales, t, static_cast<uint64_t>(t->cols()) * bytes);
      p.index = groups_;
      p.byte_begin = static_cast<uint64_t>(weight_.first_row + slice_.rows.begin) * bytes;
      return add(p);
    }
    TensorPart p = output_lines(Feed::scales, t, static_cast<uint64_t>(ceil_div(weight_.cols, format_.group)) * bytes);
    p.byte_begin = static_cast<uint64_t>(groups_.begin) * bytes;
    add(p);
  }

  // Rows of squares are counted from the weight's own corner: a fused tensor's readers demand that it is one.
  void add_block_scales() {
    const TensorInfo* t = weight_.scales;
    const int64_t g = format_.group;
    if (weight_.row_step != 1 || weight_.first_row % g != 0) {
      throw Error{Code::unsupported, fmt::format("{}: a weight begins at output {}, inside a square of {} x {} that another one shares",
                                                 t->name, weight_.first_row, g, g)};
    }
    TensorPart p = part(Feed::block_scales, t, static_cast<uint64_t>(ceil_div(weight_.cols, g)) * element_bytes(*t));
    p.first += weight_.first_row / g;
    p.index = {slice_.rows.begin / g, ceil_div(slice_.rows.end, g)};
    p.byte_begin = static_cast<uint64_t>(slice_.cols.begin / g) * element_bytes(*t);
    p.whole = true;
    add(p);
  }

  void add_zeros() {
    const TensorInfo* t = weight_.zeros;
    TensorPart p = part(Feed::zeros, t, static_cast<uint64_t>(t->cols()) * sizeof(int32_t));
    if (transposed(weight_.layout)) {
      p.index = groups_;
      begin_in_words(p);
      return add(p);
    }
    demand_plain_rows();  // compressed-tensors: a line holds the zero points of eight outputs
    const int64_t first = weight_.first_row;
    p.index = {(first + slice_.rows.begin) / kPerWord, ceil_div(first + slice_.rows.end, kPerWord)};
    p.byte_begin = static_cast<uint64_t>(groups_.begin) * sizeof(int32_t);
    add(p);
  }

  void add_column_groups() {
    TensorPart p = part(Feed::column_groups, weight_.groups, element_bytes(*weight_.groups));
    p.index = slice_.cols;
    p.whole = true;
    add(p);
  }

  void add_global() {
    TensorPart p = part(Feed::global_scale, weight_.global, element_bytes(*weight_.global));
    if (weight_.global->bytes <= p.line_bytes) p.first = 0;  // one for all planes
    p.index = {0, 1};
    p.whole = true;
    add(p);
  }

  const Slice& slice_;
  const Weight& weight_;
  const WeightFormat& format_;
  const PackedShape shape_;
  Range stored_;  // columns whose codes the pool holds
  Range groups_;  // of columns, which the pool holds
  std::vector<TensorPart> parts_;
};

}  // namespace

Range TensorPart::lines() const {
  if (index.empty()) return {};
  if (step == 1) return {first + index.begin, first + index.end};
  const int64_t group = first - first % step;  // of lines that alternate
  return {group + index.begin * step, std::min(group + index.end * step, static_cast<int64_t>(tensor->bytes / line_bytes))};
}

Range TensorPart::indices_in(Range lines) const {
  const auto reach = [&](int64_t line) { return line <= first ? 0 : ceil_div(line - first, step); };
  return {std::max(index.begin, reach(lines.begin)), std::min(index.end, reach(lines.end))};
}

std::vector<TensorPart> parts_of(const Slice& slice) { return Parts(slice).take(); }

}  // namespace yoke::node
