// BF16 in 12 bits and NVFP4 in 4.25: equal to what they pack in every bit, whatever the values are.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/half.h"
#include "kernels/cpu/decode.h"
#include "kernels/format/packed_form.h"
#include "kernels/format/values.h"
#include "kernels/ops.h"
#include "tests/kernels/random_weight.h"

namespace yoke::kernels {
namespace {

using namespace testing;

const FormatSample kBf16{"BF16", plain_format(Dtype::bf16)};
const FormatSample kNvfp4{"NVFP4", {.codes = Dtype::e2m1, .scales = Scales::per_group, .scale_dtype = Dtype::f8_e4m3, .group = 16, .global = true}};

// Like most weights, and values[i] of `odd` in the place of every element that `chance` (in a thousand) chooses.
WeightFile bf16_file(Random& random, int64_t rows, int64_t cols, const std::vector<uint16_t>& odd, int64_t chance) {
  WeightFile file = random_file(random, kBf16, rows, cols);
  for (int64_t i = 0; i < rows * cols; ++i) {
    if (random.between(0, 999) >= chance) continue;
    const uint16_t value = odd[static_cast<size_t>(random.between(0, static_cast<int64_t>(odd.size()) - 1))];
    std::memcpy(file.codes.data() + 2 * i, &value, sizeof(value));
  }
  return file;
}

WeightFile packed_twin(WeightFile file) {
  file.sample.format.packed = true;
  return file;
}

std::vector<float> values_of(const PackedMatrix& w) {
  std::vector<float> values = poisoned(w.rows() * w.cols());
  for (int64_t row = 0; row < w.rows(); ++row) format::weights(w, row, {0, w.cols()}, values.data() + row * w.cols());
  return values;
}

std::vector<float> decoded(const PackedMatrix& w, int64_t step) {
  const cpu::PanelDecoder decoder(w);
  std::vector<float> values = poisoned(round_up(w.rows(), kPanelRows) * w.cols()), part;
  for (int64_t row = 0; row < w.rows(); row += kPanelRows) {
    for (int64_t first = 0; first < w.cols(); first += step) {
      const int64_t count = std::min(step, w.cols() - first);
      part = poisoned(count * kPanelRows);
      decoder.decode(row / kPanelRows, first, count, part.data());
      for (int64_t i = 0; i < count * kPanelRows; ++i) values[static_cast<size_t>((row + i % kPanelRows) * w.cols() + first + i / kPanelRows)] = part[static_cast<size_t>(i)];
    }
  }
  values.resize(static_cast<size_t>(w.rows() * w.cols()));
  return values;
}

// BF16 as a loader reads it: whole panels at a time.
PackedPart in_one_piece(const WeightFile& file) {
  PackedPart part{{.format = packed_twin(file).sample.format, .rows = file.rows, .cols = file.cols}, {}};
  part.bytes.resize(part.shape.bytes());
  pack_codes({.shape = part.shape, .source = file.codes.data(), .source_stride = 2 * static_cast<uint64_t>(file.cols), .rows = {0, file.rows},
              .cols = {0, file.cols}, .matrix = part.bytes.data()});
  return part;
}

// As bits, because a NaN equals nothing and -0 equals 0.
void expect_equal(const WeightFile& file, const PackedPart& packed, int64_t step) {
  const PackedPart plain = file.pack();
  const std::vector<float> expected = values_of(plain.matrix());
  ASSERT_TRUE(same_bits(values_of(packed.matrix()), expected));
  for_targets([&](const std::string&) { ASSERT_TRUE(same_bits(decoded(packed.matrix(), step), expected)); });
}
void expect_equal(const WeightFile& file, int64_t step) { expect_equal(file, packed_twin(file).pack(), step); }

// A panel of 240 columns holds all signs and mantissas of 15 exponents: 18 panels hold every code.
TEST(PackedBf16, EveryOneOfThe65536CodesComesOutAsItWentIn) {
  const int64_t cols = 240;
  Random random(1);
  WeightFile file = random_file(random, kBf16, 18 * kPanelRows, cols);
  for (int64_t i = 0; i < file.rows * cols; ++i) {
    const int64_t panel = i / (kPanelRows * cols), of_panel = i % (kPanelRows * cols);
    const int64_t exponent = std::min<int64_t>(15 * panel + of_panel / 256, 255), rest = of_panel % 256;
    const uint16_t code = static_cast<uint16_t>((rest & 0x80) << 8 | exponent << 7 | (rest & 0x7F));
    std::memcpy(file.codes.data() + 2 * i, &code, sizeof(code));
  }
  expect_equal(file, in_one_piece(file), 32);
}

TEST(PackedBf16, EveryExponentComesOutOfTheListOfExceptions) {
  Random random(1);
  WeightFile file = random_file(random, kBf16, 400, 512);
  for (uint16_t exponent = 0; exponent < 256; ++exponent) {
    const uint16_t code = static_cast<uint16_t>(exponent << 7 | (exponent & 1) << 15 | 0x2A);
    std::memcpy(file.codes.data() + 2 * (exponent * 797 + exponent % 13), &code, sizeof(code));
  }
  expect_equal(file, 32);
}

TEST(PackedBf16, ZerosSubnormalsInfinitiesAndNansKeepTheirBits) {
  const std::vector<uint16_t> odd = {0x0000, 0x8000, 0x0001, 0x807F, 0x7F80, 0xFF80, 0x7FC1, 0xFFA5, 0x7F7F, 0x0080, 0x3F80};
  for_seeds(12, [&](uint64_t seed) {
    Random random(seed);
    const WeightFile file = bf16_file(random, random.between(1, 100), random.between(1, 400), odd, random.between(0, 1) == 0 ? 2 : 0);
    expect_equal(file, random.between(1, 64));
  });
}

TEST(PackedBf16, APanelOfOneValueAloneIsHeld) {
  for (const uint16_t value : {0x0000, 0x8000, 0x0001, 0x7F80, 0xFFFF, 0x7F81, 0x3F80}) {
    Random random(1);
    expect_equal(bf16_file(random, 33, 70, {value}, 1000), 32);
  }
}

TEST(PackedBf16, ExceptionsAtEveryEdgeAreFound) {
  const int64_t rows = 40, cols = 77;
  for (const int64_t row : {0, 15, 16, 31, 32, 39}) {
    for (const int64_t col : {0, 3, 4, 7, 8, 31, 32, 63, 64, 75, 76}) {
      Random random(static_cast<uint64_t>(row * cols + col));
      WeightFile file = random_file(random, kBf16, rows, cols);
      const uint16_t infinity = 0xFF80;
      std::memcpy(file.codes.data() + 2 * (row * cols + col), &infinity, sizeof(infinity));
      expect_equal(file, 32);
    }
  }
}

TEST(PackedBf16, MoreExceptionsThanTheListHoldsAreRefusedWithBothNumbers) {
  Random random(3);
  std::vector<uint16_t> all(65536);
  std::iota(all.begin(), all.end(), uint16_t{0});
  const WeightFile file = packed_twin(bf16_file(random, 64, 256, all, 1000));
  try {
    file.pack();
    FAIL() << "15360 exceptions in a list of " << 64 + 64 * 256 / 340;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::unsupported);
    EXPECT_NE(std::string(error.what()).find("it has 112"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("without --pack"), std::string::npos) << error.what();
  }
}

TEST(PackedBf16, HoldsEveryUsualDistributionByFar) {
  const auto words_used = [](const std::function<float(Random&, int64_t row)>& draw) {
    Random random(5);
    WeightFile file = random_file(random, kBf16, 256, 1024);
    for (int64_t i = 0; i < file.rows * file.cols; ++i) {
      const uint16_t code = f32_to_bf16(draw(random, i / file.cols));
      std::memcpy(file.codes.data() + 2 * i, &code, sizeof(code));
    }
    const PackedPart part = in_one_piece(file);
    uint32_t used;
    std::memcpy(&used, part.bytes.data() + format::tail_offsets(part.shape).exceptions, sizeof(used));
    return static_cast<double>(used) / static_cast<double>(part.shape.exception_words() - 1);
  };
  EXPECT_LT(words_used([](Random& r, int64_t) { return r.normal(0.02f); }), 0.2);
  EXPECT_LT(words_used([](Random& r, int64_t) { return static_cast<float>(r.between(-100000, 100000)) * 1e-6f; }), 0.1);
  EXPECT_LT(words_used([](Random& r, int64_t) { return r.normal() * r.normal(); }), 0.75);
  EXPECT_LT(words_used([](Random& r, int64_t) { return r.chance(1) ? r.normal(0.4f) : r.normal(0.02f); }), 0.5);         // outliers
  EXPECT_LT(words_used([](Random& r, int64_t row) { return r.normal(std::ldexp(1.0f, static_cast<int>(row % 4))); }), 0.4);  // unlike outputs
  EXPECT_LT(words_used([](Random& r, int64_t row) { return row < 100 ? 0.0f : r.normal(); }), 0.3);                    // some of zeros
}

TEST(PackedNvfp4, EveryScaleComesOutAsItWentIn) {
  for_seeds(4, [&](uint64_t seed) {
    Random random(seed);
    FormatSample sample = kNvfp4;
    sample.format.packed = true;
    WeightFile file = random_file(random, sample, 300, 1280);
    for (int code = 0; code < 256; ++code) file.scales[static_cast<size_t>(random.between(0, 300 * 80 - 1))] = static_cast<std::byte>(code);
    file.sample = kNvfp4;
    expect_equal(file, random.between(1, 64));
  });
}

TEST(PackedNvfp4, ScalesThatNoWindowHoldsAreRefused) {
  Random random(3);
  WeightFile file = random_file(random, kNvfp4, 64, 1024);
  EXPECT_THROW(packed_twin(file).pack(), Error);
}

TEST(PackedForms, AProductIsEqualInEveryBitToThatOfWhatTheyPack) {
  const auto ops = ops_backend("cpu").make({.threads = 2});
  for (const FormatSample& of : {kBf16, kNvfp4}) {
    for_seeds(6, [&](uint64_t seed) {
      Random random(seed);
      FormatSample sample = of;
      sample.format.packed = true;
      const WeightFile packed = random_file(random, sample, random.between(1, 200), round_up(random.between(1, 1400), 8));
      WeightFile plain = packed;
      plain.sample = of;
      const Range rows{random.between(0, packed.rows / 2), packed.rows}, cols{random.between(0, packed.cols / 2), packed.cols};
      const PackedPart parts[2] = {plain.pack(rows, cols, random), packed.pack(rows, cols, random)};
      for (const int64_t count : {1, 3, 20}) {
        const std::vector<float> x = random.normals(count * cols.size());
        std::vector<float> y[2];
        for (int i = 0; i < 2; ++i) {
          y[i] = poisoned(count * rows.size());
          ops->run(Linear{.w = parts[i].matrix(), .x = x.data(), .x_stride = cols.size(), .rows = count, .y = y[i].data(), .y_stride = rows.size()});
        }
        EXPECT_TRUE(same_bits(y[0], y[1])) << of.name << ", " << count << " rows";
      }
    });
  }
}

TEST(PackedForms, LargePartsTakeTheBitsThatTheDocsSay) {
  const auto bits = [](WeightFormat format, int64_t rows, int64_t cols) {
    format.packed = true;
    EXPECT_TRUE(packable(format, cols));
    return 8.0 * static_cast<double>(PackedShape{.format = format, .rows = rows, .cols = cols}.bytes()) / static_cast<double>(rows * cols);
  };
  EXPECT_LE(bits(kBf16.format, 16384, 6144), 12.1);
  EXPECT_LE(bits(kBf16.format, 3072, 6144), 12.1);
  EXPECT_LE(bits(kBf16.format, 4096, 2048), 12.1);
  EXPECT_LE(bits(kNvfp4.format, 16384, 16384), 4.31);
  EXPECT_LE(bits(kNvfp4.format, 4096, 2048), 4.31);
}

}  // namespace
}  // namespace yoke::kernels
