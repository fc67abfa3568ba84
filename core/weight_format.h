// How a weight's values are coded, whichever tensors of a checkpoint hold them, and what a packed part of one takes in memory.
// Readers find it out (model/), plans count it (parallel/), kernels decode it. A value is
//   code                                        plain floats
//   code * scale (* global)                     row, block and group scales, e2m1 and FP8
//   (code - zero) * scale                       int4; zero is the group's stored zero point + zero_bias, or 8 where none is stored
//   what GGUF's block says (* global)           block types
#pragma once

#include <cstdint>
#include <string>

#include "core/dtype.h"
#include "core/units.h"

namespace yoke {

enum class Scales : uint8_t {
  none,       // plain floats, and GGUF's blocks, which carry their own
  per_row,    // one f32 an output
  per_block,  // one f32 a square of group x group weights, counted from the whole matrix's corner
  per_group,  // one scale_dtype an output and `group` columns, counted from the whole matrix's first column
};

// How the codes lie in their file.
enum class CodeLayout : uint8_t {
  rows,     // [out, in]: an output's columns side by side. int4: 8 in an i32, lowest nibble first (compressed-tensors)
  columns,  // [in, out]: an input's outputs side by side; plain floats only
  gptq,     // i32 [in / 8, out]: nibble j of word (i, n) is column 8 i + j of output n
  awq,      // i32 [in, out / 8]: nibble j of word (k, w) is column k of output 8 w + {0, 2, 4, 6, 1, 3, 5, 7}[j]
};

struct WeightFormat {
  Dtype codes = Dtype::f32;
  Scales scales = Scales::none;
  Dtype scale_dtype = Dtype::f32;  // per_group: f32, f16, bf16, f8_e4m3 (NVFP4) or f8_e8m0 (MXFP4)
  int32_t group = 0;
  bool zero_points = false;        // int4: 4 bits an output and group
  int8_t zero_bias = 0;            // GPTQ's first version stores zero - 1: 1
  bool listed_groups = false;      // GPTQ act-order: a list says each column's group
  bool global = false;             // one f32 for the whole matrix multiplies too
  bool packed = false;             // the pool holds it without loss in fewer bits (--pack); no file does

  friend bool operator==(const WeightFormat&, const WeightFormat&) = default;
};

constexpr WeightFormat plain_format(Dtype codes) { return {.codes = codes}; }

std::string name(const WeightFormat& format);  // "BF16", "NVFP4", "FP8 128x128", "INT4 g128", "Q4_K": for messages and tables

// The formats that have a packed form, counted as the format it packs (docs/bits.md rule 1): BF16, whose exponents become 4-bit
// indices, and FP4 with e4m3 group scales, which become 4-bit offsets. Exceptions to both are listed.
inline constexpr int64_t kMostPackedColumns = int64_t{1} << 20;
bool packable(const WeightFormat& format, int64_t cols);

// A part of a weight as kernels and pool hold it: rows x cols of it, whose corner lies at (row_begin, col_begin) of the whole
// matrix. Blocks and groups that the part only touches are held whole (docs/bits.md rule 3: headers, scales and zero points go
// to both sides), so their codes before col_begin may lie in front.
struct PackedShape {
  WeightFormat format;
  int64_t rows = 0, cols = 0;
  int64_t row_begin = 0, col_begin = 0;
  int64_t groups = 0;  // listed_groups: how many groups the whole matrix has, all of which are held

  // Columns of the whole matrix whose codes are held: col_begin rounded down and col_begin + cols rounded up to column_unit.
  int64_t stored_begin() const;
  int64_t stored_end() const;
  // Groups of the whole matrix whose scales and zero points are held: those that the columns touch, all where they are listed.
  Range held_groups() const;
  // per_block: the rows and columns of squares that the part touches.
  Range square_rows() const;
  Range square_cols() const;
  uint64_t panel_code_bytes() const;
  uint64_t panel_scale_bytes() const;
  uint64_t panel_bytes() const;  // one panel's codes, group scales and zero points
  // Packed: words of the list of exceptions, the one that counts the others included. docs/formats.md says why so many.
  uint64_t exception_words() const;
  uint64_t bytes() const;        // all panels, then what is not cut into panels; a multiple of 64
  friend bool operator==(const PackedShape&, const PackedShape&) = default;
};

// Codes are held in whole units of this many columns: GGUF's block, 8 for nibbles, 1 for plain types.
int64_t column_unit(const WeightFormat& format);

// The group g of docs/bits.md rule 3 that a down projection of this format demands of the cut of its features: 32 if it has
// scales or sub-blocks of a multiple of 32 along K, else 16.
int64_t feature_cut_group(const WeightFormat& format);

}  // namespace yoke
