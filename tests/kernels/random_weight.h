// Weights as checkpoints hold them, in every format and layout, with random codes and scales; and parts of them packed.
#pragma once

#include <string>
#include <vector>

#include "core/units.h"
#include "core/weight_format.h"
#include "kernels/packed_matrix.h"
#include "tests/kernels/random_problem.h"

namespace yoke::kernels::testing {

struct FormatSample {
  std::string name;
  WeightFormat format;
  CodeLayout layout = CodeLayout::rows;
  bool apart = false;  // columns: every second output only. Scales: [groups, out]. Zeros: along outputs where layout is rows
};

std::vector<FormatSample> format_samples();
inline void PrintTo(const FormatSample& sample, std::ostream* out) { *out << sample.name; }

// A part, packed. The bytes before pack are zero, as the pool's are.
struct PackedPart {
  PackedShape shape;
  std::vector<std::byte> bytes;
  PackedMatrix matrix() const { return {shape, bytes.data()}; }
};

struct WeightFile {
  FormatSample sample;
  int64_t rows = 0, cols = 0, groups = 0;
  std::vector<std::byte> codes, scales, zeros;
  std::vector<int32_t> column_groups;
  std::vector<float> row_scales, block_scales;
  float global = 1;

  // What the tensors say, by formulas that the kernels do not share. Of GGUF's blocks q8_0, q4_0 and q4_1 only; the others' values are
  // in tests/golden/formats.
  bool has_formula() const;
  double value(int64_t row, int64_t col) const;
  PackedPart pack(Range rows, Range cols, Random& pieces) const;  // in several pieces, as loaders read
  PackedPart pack() const;

  // int4 as it was drawn, before it was put into words.
  std::vector<uint8_t> nibbles, zero_points;
};

WeightFile random_file(Random& random, const FormatSample& sample, int64_t rows, int64_t cols);

// The columns that a format's file may have, at least `cols`.
int64_t whole_columns(const WeightFormat& format, int64_t cols);

}  // namespace yoke::kernels::testing
