// What the products of mode `bf16` take: kernels linear_<format>_<variant> of linear_*.cu, all with this one parameter.
// Plain C++ for host and device; addresses are the device's.
//
//   y[r, n] = (sum over k of bf16(x[r, k]) * w[n, k]) * row scale * global scale + bias[n]
//
// Weights lie as kernels/format/panel.h says. Their codes (times group scales of one byte) are exact as bf16; the other
// scales multiply f32 sums. Columns count from PackedShape::stored_begin, in units of 64; unit u belongs to part p
// where begin(p) <= u < begin(p + 1), begin(p) = units * p / 8. Within a part one chain of MMAs goes upwards from +0
// (of FP8 in blocks: from each block's edge a chain of its own, which joins the part by fma with the block's scale); y
// is the sum of the parts, upwards. That is all of a row's order: no variant, no number of rows and no neighbour
// changes it (docs/bits.md rules 1, 2).
#pragma once

#include <cstddef>
#include <cstdint>

namespace yoke::kernels::cuda {

inline constexpr uint32_t kLinearWarps = 8;
inline constexpr uint32_t kLinearParts = 8;         // of K
inline constexpr uint32_t kLinearUnit = 64;         // columns
inline constexpr uint32_t kMostLinearProblems = 8;  // of one launch

// A warp's ring of weights in shared memory: bytes of a unit, units, and what the format keeps beside them. Each lets
// two blocks share an SM (100 KiB on sm_121).
struct LinearRing {
  uint32_t unit_bytes, units, patch_bytes;
  constexpr uint32_t bytes() const { return unit_bytes * units + patch_bytes; }
};
inline constexpr LinearRing kBf16Ring{32 * kLinearUnit, 3, 0};
inline constexpr LinearRing kFp8Ring{16 * kLinearUnit, 5, 0};
inline constexpr LinearRing kNvfp4Ring{8 * kLinearUnit + 16 * 5, 6,
                                       0};  // words, and scales of the groups that a unit may touch
inline constexpr LinearRing kMxfp4Ring{8 * kLinearUnit + 16 * 3, 6, 0};
inline constexpr LinearRing kGgufNvfp4Ring{8 * kLinearUnit + 16 * 4, 6, 0};
inline constexpr LinearRing kGgufMxfp4Ring{8 * kLinearUnit + 16 * 2, 6, 0};
inline constexpr LinearRing kPackedBf16Ring{24 * kLinearUnit, 3, 16 * kLinearUnit};
inline constexpr LinearRing kPackedNvfp4Ring{8 * kLinearUnit + 8 * 6, 6, 16 * 5};

// Dynamic shared memory of a block of the tile kernels: x of two units behind the rings.
constexpr uint32_t linear_tile_bytes(const LinearRing& ring, uint32_t row_tiles) {
  return kLinearWarps * ring.bytes() + 2 * row_tiles * 1024;
}
// Of the split kernels: sums lie where the rings were.
constexpr uint32_t linear_split_bytes(const LinearRing& ring) {
  return kLinearWarps * ring.bytes();
}

// Where the bytes of a matrix lie, from its first.
struct LinearMatrix {
  uint64_t panel_bytes;
  uint64_t row_scales, block_scales, global, tables, links, exceptions;  // 0: has none
  uint32_t code_bytes, scale_bytes;                                      // of a panel: codes, then scales
  uint32_t shift;                                                        // stored columns in front of the part's first
  uint32_t cols;                                                         // of the part
  uint32_t units;                                                        // of kLinearUnit stored columns
  uint32_t phase;                     // words of 8 columns from the first held group's begin to the first stored column
  uint32_t group;                     // block_scales: a square has group x group weights
  uint32_t block_row, block_col;      // block_scales: of the part's corner within its first square
  uint32_t block_rows, block_stride;  // squares that the part's rows, its columns touch
};

// One product. Of grouped ones w and bias come from tables.
struct LinearProblem {
  LinearMatrix matrix;
  const std::byte* w;
  const float* bias;  // null: none
  const float* x;
  float* y;
  int64_t x_stride, y_stride;
  uint32_t rows;  // grouped: ignored
  uint32_t panel_begin, panel_end;
  uint32_t outputs_begin, outputs_end;  // y[r, 0] is outputs_begin
  uint32_t first_block;                 // of the launch: blocks of this problem begin there
};

// The tokens of each expert, as a router's sort on the device leaves them: positions offsets[e] .. offsets[e + 1] - 1
// are expert e's. y's row is the position; x's the position, or, by_token, slots[position] / top_k.
struct LinearGroups {
  const int32_t* offsets;  // [experts + 1]; null: not grouped
  const int32_t* slots;    // [offsets[experts]]; only by_token
  const std::byte* const*
      matrices;                // [experts] for each problem after the other; all of a problem have its LinearMatrix
  const float* const* biases;  // likewise; null: none
  uint32_t experts, top_k;
  uint32_t tiles;  // the most that may have work: blocks of a problem = tiles * blocks of a panel range
  bool by_token;
};

struct LinearParams {
  LinearProblem problems[kMostLinearProblems];
  uint32_t count;
  LinearGroups groups;
};

}  // namespace yoke::kernels::cuda
