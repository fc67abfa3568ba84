#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.h"
#include "kernels/cpu/decode.h"
#include "kernels/format/values.h"
#include "tests/kernels/random_weight.h"

namespace yoke::kernels {
namespace {

using namespace testing;

class PackTest : public ::testing::TestWithParam<FormatSample> {};

WeightFile any_file(Random& random, const FormatSample& sample) {
  const int64_t cols = whole_columns(sample.format, random.between(1, 600));
  return random_file(random, sample, random.between(1, 70), cols);
}

Range any_part(Random& random, int64_t size) {
  const int64_t begin = random.between(0, size - 1);
  return {begin, random.between(begin + 1, size)};
}

std::vector<float> row_of(const PackedMatrix& w, int64_t row, Range cols) {
  std::vector<float> values = poisoned(cols.size());
  format::weights(w, row, cols, values.data());
  return values;
}

TEST_P(PackTest, AMatrixHoldsWhatItsTensorsSay) {
  for_seeds(3, [&](uint64_t seed) {
    Random random(seed);
    const WeightFile file = any_file(random, GetParam());
    if (!file.has_formula()) return;  // tests/kernels/formats_golden_test.cpp has them
    const PackedPart whole = file.pack();
    for (int64_t row = 0; row < file.rows; ++row) {
      const std::vector<float> values = row_of(whole.matrix(), row, {0, file.cols});
      for (int64_t col = 0; col < file.cols; ++col) {
        ASSERT_EQ(values[static_cast<size_t>(col)], static_cast<float>(file.value(row, col))) << "row " << row << " column " << col;
      }
    }
  });
}

TEST_P(PackTest, APartThatBeginsAndEndsAnywhereHoldsTheWholesValues) {
  for_seeds(8, [&](uint64_t seed) {
    Random random(seed);
    const WeightFile file = any_file(random, GetParam());
    const PackedPart whole = file.pack();
    const Range rows = any_part(random, file.rows), cols = any_part(random, file.cols);
    const PackedPart part = file.pack(rows, cols, random);
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      ASSERT_TRUE(same_bits(row_of(part.matrix(), row - rows.begin, {0, cols.size()}), row_of(whole.matrix(), row, cols)))
          << "row " << row << " of " << rows.begin << " .. " << rows.end << ", columns " << cols.begin << " .. " << cols.end;
    }
    const auto end = part.bytes.begin() + static_cast<int64_t>(part.shape.bytes());
    EXPECT_TRUE(std::all_of(end, part.bytes.end(), [](std::byte b) { return b == std::byte{0xEE}; })) << "written past the end";
  });
}

TEST_P(PackTest, APanelDecodesToTheSameValuesOnEveryInstructionSet) {
  for_seeds(4, [&](uint64_t seed) {
    Random random(seed);
    const WeightFile file = any_file(random, GetParam());
    const PackedPart part = file.pack(any_part(random, file.rows), any_part(random, file.cols), random);
    const PackedMatrix w = part.matrix();
    const Range cols = any_part(random, w.cols());
    for_targets([&](const std::string&) {
      const cpu::PanelDecoder decoder(w);
      std::vector<float> values = poisoned(cols.size() * kPanelRows);
      for (int64_t row = 0; row < w.rows(); ++row) {
        if (row % kPanelRows == 0) decoder.decode(row / kPanelRows, cols.begin, cols.size(), values.data());
        std::vector<float> lane;
        for (int64_t k = 0; k < cols.size(); ++k) lane.push_back(values[static_cast<size_t>(k * kPanelRows + row % kPanelRows)]);
        ASSERT_TRUE(same_bits(lane, row_of(w, row, cols))) << "row " << row << ", columns from " << cols.begin;
      }
    });
  });
}

INSTANTIATE_TEST_SUITE_P(Formats, PackTest, ::testing::ValuesIn(format_samples()), [](const auto& test) { return test.param.name; });

TEST(Pack, TheSameNibblesInEveryLayoutPackToTheSameBytes) {
  for_seeds(4, [](uint64_t seed) {
    Random sizes(seed);
    const int64_t rows = sizes.between(1, 60), cols = 8 * sizes.between(1, 40);
    const WeightFormat format{.codes = Dtype::int4, .scales = Scales::per_group, .scale_dtype = Dtype::f16, .group = 32, .zero_points = true};
    const Range part_rows = any_part(sizes, rows), part_cols = any_part(sizes, cols);
    std::vector<PackedPart> parts;
    for (const CodeLayout layout : {CodeLayout::rows, CodeLayout::gptq, CodeLayout::awq}) {
      Random random(seed);
      const WeightFile file = random_file(random, {"int4", format, layout}, rows, cols);
      parts.push_back(file.pack(part_rows, part_cols, random));
    }
    EXPECT_EQ(parts[0].bytes, parts[1].bytes);
    EXPECT_EQ(parts[0].bytes, parts[2].bytes);
  });
}

TEST(Pack, AnEmptyPartTakesNoBytesAndPacksNothing) {
  for (const FormatSample& sample : format_samples()) {
    Random random(1);
    const WeightFile file = random_file(random, sample, 20, 256);
    for (const auto& [rows, cols] : {std::pair<Range, Range>{{4, 4}, {0, 256}}, {{0, 20}, {40, 40}}}) {
      const PackedPart part = file.pack(rows, cols, random);
      EXPECT_EQ(part.shape.bytes(), 0u) << sample.name;
      EXPECT_EQ(part.bytes, std::vector<std::byte>(64, std::byte{0xEE})) << sample.name;
    }
  }
}

TEST(Pack, AColumnInAGroupThatIsNotThereIsRefused) {
  const PackedShape shape{.format = {.codes = Dtype::int4, .scales = Scales::per_group, .scale_dtype = Dtype::f16, .group = 32,
                                     .listed_groups = true},
                          .rows = 16, .cols = 8, .groups = 2};
  std::vector<std::byte> matrix(shape.bytes());
  for (const int32_t group : {-1, 2}) {
    const std::vector<int32_t> groups = {0, 1, 0, group, 1, 1, 0, 0};
    EXPECT_THROW(put_column_groups(shape, groups.data(), matrix.data()), Error);
  }
}

}  // namespace
}  // namespace yoke::kernels
