#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "kernels/format/half.h"
#include "kernels/format/panel.h"
#include "kernels/ops.h"
#include "tests/kernels/random_problem.h"

namespace yoke::kernels {
namespace {

using namespace testing;

TEST(Half, EveryF16GoesToF32AndBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = format::f16_to_f32(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_EQ(bits & 0x7C00u, 0x7C00u);
      continue;
    }
    ASSERT_EQ(format::f32_to_f16(value), bits) << value;
  }
}

TEST(Half, RoundsToTheNearestAndTiesToEven) {
  for (uint32_t bits = 0; bits < 0x7C00; ++bits) {  // between each f16 and the next one up
    const float low = format::f16_to_f32(static_cast<uint16_t>(bits));
    const float high = bits == 0x7BFF ? 65536.0f : format::f16_to_f32(static_cast<uint16_t>(bits + 1));
    const float middle = low + (high - low) / 2;  // exact: one bit more than an f16 has
    ASSERT_EQ(format::f32_to_f16(middle), bits % 2 == 0 ? bits : bits + 1);
    ASSERT_EQ(format::f32_to_f16(std::nextafter(middle, low)), bits);
    ASSERT_EQ(format::f32_to_f16(-std::nextafter(middle, high)), (bits + 1) | 0x8000u);
  }
  EXPECT_EQ(format::f32_to_bf16(1.0f + 0x1p-8f), 0x3F80u);  // a tie goes to the even one
  EXPECT_EQ(format::f32_to_bf16(1.0f + 0x1.8p-7f), 0x3F82u);
  EXPECT_EQ(format::f32_to_bf16(std::nextafter(1.0f + 0x1p-8f, 2.0f)), 0x3F81u);
}

TEST(PackRows, KeepsEveryWeightInEveryFormat) {
  for_seeds(6, [&](uint64_t seed) {
    for (const Dtype dtype : kWeightDtypes) {
      Random random(seed);
      const int64_t cols = random.between(1, 4) * 32 + (info(dtype).block_elements == 1 ? random.between(0, 31) : 0);
      const Weight weight = random_weight(random, dtype, random.between(1, 60), cols);
      for (int64_t row = 0; row < weight.rows; ++row) {
        for (int64_t col = 0; col < cols; ++col) {
          ASSERT_EQ(format::weight(weight.packed(), row, col), static_cast<float>(weight.value(row, col)))
              << name(dtype) << " row " << row << " column " << col;
        }
      }
    }
  });
}

TEST(PackRows, InPiecesAndWithAStrideGivesTheSameBytesAndZeroesTheRest) {
  for_seeds(10, [&](uint64_t seed) {
    for (const Dtype dtype : kWeightDtypes) {
      Random random(seed);
      const int64_t rows = random.between(17, 90), cols = 64;
      const Weight weight = random_weight(random, dtype, rows, cols);
      const uint64_t stride = row_bytes(dtype, cols) + 6;
      std::vector<std::byte> source(static_cast<size_t>(rows) * stride, std::byte{0xAA});
      for (int64_t r = 0; r < rows; ++r) {
        std::memcpy(source.data() + static_cast<size_t>(r) * stride,
                    weight.file.data() + static_cast<size_t>(r) * row_bytes(dtype, cols), row_bytes(dtype, cols));
      }
      std::vector<std::byte> panels(weight.panels.size(), std::byte{0xFF});
      for (int64_t first = 0; first < rows; first += 32) {
        pack_rows({.dtype = dtype, .rows = rows, .cols = cols, .source = source.data() + static_cast<size_t>(first) * stride,
                   .source_stride = stride, .first_row = first, .count = std::min<int64_t>(32, rows - first),
                   .panels = panels.data()});
      }
      EXPECT_EQ(panels, weight.panels) << name(dtype);
      PackedMatrix padded = weight.packed();
      padded.rows = (rows + 15) / 16 * 16;
      for (int64_t row = rows; row < padded.rows; ++row) EXPECT_EQ(format::weight(padded, row, 5), 0.0f);
    }
  });
}

TEST(OpsBackends, AnUnknownNameIsRefusedWithTheNamesThereAre) {
  try {
    ops_backend("cuda");
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid_argument);
    EXPECT_NE(std::string(error.what()).find("cpu, reference"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace yoke::kernels
