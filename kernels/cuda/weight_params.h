// A packed matrix as the kernels take it: kernels/format/panel.h's offsets worked out on the host. Plain data; `data` is the device's.
#pragma once

#include <cstdint>

namespace yoke::kernels::cuda {

// How codes are read; a kernel is made for each (kernels/cuda/weight_codes.cuh).
enum class WeightCodes : uint8_t { f32, f16, bf16, e4m3, e5m2, e2m1, mxfp4, nvfp4, packed_bf16, packed_nvfp4 };

enum class WeightScales : uint8_t { none, per_row, per_block, f32, f16, bf16, e4m3, e8m0 };  // from f32 on: per group, of that type

struct WeightParams {
  const unsigned char* data;
  int64_t panel_bytes;
  int64_t scales_offset;  // from the panel's begin
  int64_t row_scales, block_scales, global, tables, links, exceptions;  // from the data's
  int32_t rows, cols;
  int32_t stored;         // columns held in front of the part's first
  // Column c belongs to group (c + group_shift) / group_size, the held ones counted from first_group.
  int32_t group_shift, group_size, first_group;
  int32_t row_begin, first_square_row, square_columns;  // per_block
  WeightScales scales;
  bool has_global;
};

}  // namespace yoke::kernels::cuda
