// Scales and zero points into panels, and what lies behind the panels.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "kernels/format/packed_form.h"
#include "kernels/format/transpose.h"

namespace yoke::kernels {
namespace {

using format::kPanelLanes;

bool holds(const PackedShape& shape, Range rows) {
  return rows.begin >= shape.row_begin && rows.end <= shape.row_begin + shape.rows;
}

bool holds_groups(const PackedShape& shape, Range groups) {
  const Range held = shape.held_groups();
  return groups.begin >= held.begin && groups.end <= held.end;
}

// The zero points' area of one output's panel, and of all panels.
class ZeroPoints {
 public:
  explicit ZeroPoints(const PackZeros& job)
      : base_(job.matrix + format::panel_offsets(job.shape).zeros), panel_bytes_(static_cast<size_t>(job.shape.panel_bytes())) {}

  void put(size_t row, size_t group, uint32_t zero) {
    const size_t lane = row % kPanelLanes;
    std::byte& both = base_[row / kPanelLanes * panel_bytes_ + group * kPanelLanes / 2 + lane / 2];
    const unsigned shift = lane % 2 == 0 ? 0 : 4;
    both = (both & std::byte(0xF0u >> shift)) | std::byte(zero << shift);
  }

 private:
  std::byte* base_;
  size_t panel_bytes_;
};

}  // namespace

void pack_scales(const PackScales& job) {
  YOKE_ASSERT(job.shape.format.scales == Scales::per_group);
  if (job.rows.empty() || job.groups.empty()) return;
  YOKE_ASSERT(holds(job.shape, job.rows) && holds_groups(job.shape, job.groups));
  if (job.shape.format.packed) return format::pack_scale_offsets(job);
  const size_t bytes = static_cast<size_t>(info(job.shape.format.scale_dtype).block_bytes);
  const size_t groups = static_cast<size_t>(job.groups.size()), rows = static_cast<size_t>(job.rows.size());
  const size_t first_group = static_cast<size_t>(job.groups.begin - job.shape.held_groups().begin);
  const size_t first = static_cast<size_t>(job.rows.begin - job.shape.row_begin);
  const format::PanelOffsets offsets = format::panel_offsets(job.shape);
  for (size_t row = 0; row < rows;) {
    const size_t lane = (first + row) % kPanelLanes, count = std::min(kPanelLanes - lane, rows - row);
    std::byte* to = job.matrix + (first + row) / kPanelLanes * offsets.size + offsets.scales + first_group * kPanelLanes * bytes;
    if (job.transposed) {
      for (size_t g = 0; g < groups; ++g) {
        std::memcpy(to + (g * kPanelLanes + lane) * bytes, job.source + g * job.source_stride + row * bytes, count * bytes);
      }
    } else {
      format::to_lanes(bytes, job.source + row * job.source_stride, job.source_stride, groups, lane, count, to);
    }
    row += count;
  }
}

void pack_zeros(const PackZeros& job) {
  // Where in its word of eight an output lies.
  static constexpr size_t kAwqNibble[8] = {0, 4, 1, 5, 2, 6, 3, 7};
  YOKE_ASSERT(job.shape.format.zero_points && job.source_skip >= 0 && job.source_skip < 8);
  if (job.rows.empty() || job.groups.empty()) return;
  YOKE_ASSERT(holds(job.shape, job.rows) && holds_groups(job.shape, job.groups));
  ZeroPoints zeros(job);
  const size_t groups = static_cast<size_t>(job.groups.size()), skip = static_cast<size_t>(job.source_skip);
  const size_t first_group = static_cast<size_t>(job.groups.begin - job.shape.held_groups().begin);
  const size_t first = static_cast<size_t>(job.rows.begin - job.shape.row_begin);
  for (size_t row = 0; row < static_cast<size_t>(job.rows.size()); ++row) {
    const size_t word = (row + skip) / 8, output = (row + skip) % 8;
    const bool awq = !job.along_outputs && job.layout == CodeLayout::awq;
    const size_t shift = 4 * (awq ? kAwqNibble[output] : output);
    for (size_t g = 0; g < groups; ++g) {
      const size_t at = job.along_outputs ? word * job.source_stride + 4 * g : g * job.source_stride + 4 * word;
      uint32_t eight;
      std::memcpy(&eight, job.source + at, sizeof(eight));
      zeros.put(first + row, first_group + g, (eight >> shift) & 15u);
    }
  }
}

void put_row_scales(const PackedShape& shape, Range rows, const float* scales, std::byte* matrix) {
  YOKE_ASSERT(shape.format.scales == Scales::per_row);
  if (rows.empty() || shape.cols == 0) return;
  YOKE_ASSERT(holds(shape, rows));
  const size_t first = static_cast<size_t>(rows.begin - shape.row_begin);
  std::memcpy(matrix + format::tail_offsets(shape).row_scales + sizeof(float) * first, scales,
              sizeof(float) * static_cast<size_t>(rows.size()));
}

void put_block_scales(const PackedShape& shape, const float* scales, std::byte* matrix) {
  YOKE_ASSERT(shape.format.scales == Scales::per_block);
  const size_t squares = static_cast<size_t>(shape.square_rows().size() * shape.square_cols().size());
  if (squares > 0) std::memcpy(matrix + format::tail_offsets(shape).block_scales, scales, sizeof(float) * squares);
}

void put_column_groups(const PackedShape& shape, const int32_t* groups, std::byte* matrix) {
  YOKE_ASSERT(shape.format.listed_groups);
  if (shape.rows == 0 || shape.cols == 0) return;
  for (int64_t k = 0; k < shape.cols; ++k) {
    if (groups[k] >= 0 && groups[k] < shape.groups) continue;
    throw Error(Code::bad_file, fmt::format("column {} is in group {} of {}: the list of groups (g_idx) is damaged",
                                            shape.col_begin + k, groups[k], shape.groups));
  }
  std::memcpy(matrix + format::tail_offsets(shape).column_groups, groups, sizeof(int32_t) * static_cast<size_t>(shape.cols));
}

void put_global_scale(const PackedShape& shape, float scale, std::byte* matrix) {
  YOKE_ASSERT(shape.format.global);
  if (shape.rows == 0 || shape.cols == 0) return;
  std::memcpy(matrix + format::tail_offsets(shape).global, &scale, sizeof(scale));
}

}  // namespace yoke::kernels
