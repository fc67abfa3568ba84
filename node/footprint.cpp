#include "node/footprint.h"

#include <algorithm>

#include "kernels/format/panel.h"

namespace yoke::node {
namespace {

constexpr int64_t kPerWord = 8;  // nibbles of an i32
constexpr uint64_t kLanes = static_cast<uint64_t>(kPanelRows);

class Prints {
 public:
  Prints(const TensorPart& part, Range index)
      : part_(part), index_(index), slice_(*part.slice), weight_(*slice_.weight), shape_(slice_.shape()), panel_(kernels::format::panel_offsets(shape_)) {}

  Footprint make() const {
    switch (part_.feed) {
      case Feed::codes: return codes();
      case Feed::scales: return scales();
      case Feed::zeros: return zeros();
      case Feed::row_scales: return elements(tail().row_scales, slice_.rows.begin);
      case Feed::block_scales: return run(tail().block_scales, tail().column_groups);
      case Feed::column_groups: return run(tail().column_groups, tail().global);
      case Feed::global_scale: return run(tail().global, tail().global + sizeof(float));
      case Feed::vector: return elements(0, slice_.cols.begin);
    }
    return {};
  }

 private:
  kernels::format::TailOffsets tail() const { return kernels::format::tail_offsets(shape_); }
  bool by_groups() const { return weight_.layout == CodeLayout::gptq || weight_.layout == CodeLayout::awq; }

  static Footprint run(uint64_t begin, uint64_t end) { return {.bytes = {begin, end - begin, end - begin, 1}}; }

  // One f32 an index, from `begin` on.
  Footprint elements(uint64_t begin, int64_t first) const {
    return run(begin + sizeof(float) * static_cast<uint64_t>(index_.begin - first), begin + sizeof(float) * static_cast<uint64_t>(index_.end - first));
  }

  // Bytes [begin, end) of the panels that hold `rows` of the whole weight.
  Footprint panels(Range rows, uint64_t begin, uint64_t end) const {
    const int64_t first = rows.begin - slice_.rows.begin, last = rows.end - slice_.rows.begin;
    const uint64_t top = static_cast<uint64_t>(first / kPanelRows), bottom = static_cast<uint64_t>(ceil_div(last, kPanelRows));
    return {.bytes = {top * panel_.size + begin, end - begin, panel_.size, bottom - top},
            .shares = first % kPanelRows != 0 || (last % kPanelRows != 0 && rows.end != slice_.rows.end)};
  }

  Footprint codes() const {
    const bool packs = shape_.format.packed && shape_.format.codes == Dtype::bf16;
    Footprint print = packs || weight_.layout == CodeLayout::rows ? panels(weight_.layout == CodeLayout::rows ? index_ : slice_.rows, 0, panel_.scales)
                                                                  : columns();
    print.leaves_state = packs;
    print.shares = print.shares || (packs && weight_.layout != CodeLayout::rows);
    return print;
  }

  Footprint columns() const {
    const int64_t each = weight_.layout == CodeLayout::gptq ? kPerWord : 1;
    const int64_t begin = index_.begin * each - shape_.stored_begin();
    const int64_t end = std::min(index_.end * each, shape_.stored_end()) - shape_.stored_begin();
    return panels(slice_.rows, kLanes * row_bytes(shape_.format.codes, begin), kLanes * row_bytes(shape_.format.codes, end));
  }

  Footprint scales() const {
    const uint64_t group = kLanes * static_cast<uint64_t>(info(shape_.format.scale_dtype).block_bytes);
    Footprint print = shape_.format.packed || !by_groups() ? panels(by_groups() ? slice_.rows : index_, panel_.scales, panel_.zeros)
                                                           : groups(panel_.scales, group);
    print.leaves_state = shape_.format.packed;
    print.shares = print.shares || (shape_.format.packed && by_groups());
    return print;
  }

  Footprint zeros() const {
    if (by_groups()) return groups(panel_.zeros, kLanes / 2);
    const Range rows{std::max(slice_.rows.begin, index_.begin * kPerWord - weight_.first_row),
                     std::min(slice_.rows.end, index_.end * kPerWord - weight_.first_row)};
    return panels(rows, panel_.zeros, panel_.size);
  }

  Footprint groups(uint64_t begin, uint64_t bytes) const {
    const int64_t first = shape_.held_groups().begin;
    return panels(slice_.rows, begin + bytes * static_cast<uint64_t>(index_.begin - first), begin + bytes * static_cast<uint64_t>(index_.end - first));
  }

  const TensorPart& part_;
  const Range index_;
  const parallel::Slice& slice_;
  const model::Weight& weight_;
  const PackedShape shape_;
  const kernels::format::PanelOffsets panel_;
};

}  // namespace

Footprint footprint(const TensorPart& part, Range index) { return Prints(part, index).make(); }

}  // namespace yoke::node
