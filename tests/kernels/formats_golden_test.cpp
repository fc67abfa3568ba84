// Every code and block of tests/golden/formats through pack_codes, one at a time and a panel at a time.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "core/fp8.h"
#include "kernels/cpu/decode.h"
#include "kernels/format/values.h"
#include "model/tensor_file.h"
#include "tests/kernels/random_problem.h"

namespace yoke::kernels {
namespace {

using namespace testing;

model::TensorFile golden(const std::string& name) {
  return model::TensorFile(std::filesystem::path(YOKE_SOURCE_DIR) / "tests/golden/formats" / (name + ".safetensors"));
}

// Equal bits; a NaN equals any NaN.
bool same(float a, float b) { return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b)); }

// Rows of codes as one matrix, its scales put in by `fill`; values are [rows, cols].
struct Golden {
  PackedShape shape;
  std::vector<uint8_t> codes;
  std::vector<float> values;
  std::function<void(std::byte* matrix)> fill = [](std::byte*) {};
};

void expect_values(const Golden& g) {
  std::vector<std::byte> matrix(g.shape.bytes());
  const uint64_t stride = row_bytes(g.shape.format.codes, g.shape.cols);
  ASSERT_EQ(g.codes.size(), stride * static_cast<uint64_t>(g.shape.rows));
  ASSERT_EQ(g.values.size(), static_cast<size_t>(g.shape.rows * g.shape.cols));
  pack_codes({.shape = g.shape, .source = reinterpret_cast<const std::byte*>(g.codes.data()), .source_stride = stride,
              .rows = {0, g.shape.rows}, .cols = {0, g.shape.cols}, .matrix = matrix.data()});
  g.fill(matrix.data());
  const PackedMatrix w{g.shape, matrix.data()};
  for (int64_t row = 0; row < w.rows(); ++row) {
    for (int64_t col = 0; col < w.cols(); ++col) {
      const float expected = g.values[static_cast<size_t>(row * w.cols() + col)];
      ASSERT_TRUE(same(format::weight(w, row, col), expected))
          << "row " << row << " column " << col << ": " << format::weight(w, row, col) << ", not " << expected;
    }
  }
  for_targets([&](const std::string&) {
    const cpu::PanelDecoder decoder(w);
    std::vector<float> panel = poisoned(w.cols() * kPanelRows);
    for (int64_t row = 0; row < w.rows(); ++row) {
      if (row % kPanelRows == 0) decoder.decode(row / kPanelRows, 0, w.cols(), panel.data());
      for (int64_t col = 0; col < w.cols(); ++col) {
        const float value = panel[static_cast<size_t>(col * kPanelRows + row % kPanelRows)];
        const float expected = g.values[static_cast<size_t>(row * w.cols() + col)];
        ASSERT_TRUE(same(value, expected)) << "row " << row << " column " << col << ": " << value << ", not " << expected;
      }
    }
  });
}

template <typename T>
std::vector<uint8_t> bytes_of(const std::vector<T>& codes) {
  std::vector<uint8_t> bytes(codes.size() * sizeof(T));
  std::memcpy(bytes.data(), codes.data(), bytes.size());
  return bytes;
}

class GgufBlocks : public ::testing::TestWithParam<Dtype> {};

TEST_P(GgufBlocks, AreTheValuesOfTheGolden) {
  const Dtype codes = GetParam();
  const model::TensorFile file = golden("gguf_" + std::string(name(codes)));
  const int64_t block = info(codes).block_elements;
  std::vector<float> values = file.read<float>("values");
  const int64_t blocks = static_cast<int64_t>(values.size()) / block;
  expect_values({{.format = plain_format(codes), .rows = blocks, .cols = block}, file.read<uint8_t>("bytes"), values});
  // The same blocks, four a row: units behind the first.
  expect_values({{.format = plain_format(codes), .rows = blocks / 4, .cols = 4 * block}, file.read<uint8_t>("bytes"), values});
}

INSTANTIATE_TEST_SUITE_P(Formats, GgufBlocks,
                         ::testing::Values(Dtype::q4_0, Dtype::q4_1, Dtype::q5_0, Dtype::q5_1, Dtype::q8_0, Dtype::q2_k, Dtype::q3_k,
                                           Dtype::q4_k, Dtype::q5_k, Dtype::q6_k, Dtype::iq4_nl, Dtype::iq4_xs, Dtype::mxfp4, Dtype::nvfp4),
                         [](const auto& test) { return std::string(name(test.param)); });

TEST(FormatGoldens, EveryBf16AndF16IsItsValue) {
  for (const auto& [name, dtype] : {std::pair{"bf16", Dtype::bf16}, std::pair{"f16", Dtype::f16}}) {
    const model::TensorFile file = golden(name);
    expect_values({{.format = plain_format(dtype), .rows = 1024, .cols = 64}, bytes_of(file.read<uint16_t>("codes")), file.read<float>("values")});
  }
}

TEST(FormatGoldens, EveryFp8CodeIsItsValue) {
  for (const auto& [name, dtype] : {std::pair{"fp8_e4m3", Dtype::f8_e4m3}, std::pair{"fp8_e5m2", Dtype::f8_e5m2}}) {
    const model::TensorFile file = golden(name);
    expect_values({{.format = plain_format(dtype), .rows = 16, .cols = 16}, file.read<uint8_t>("codes"), file.read<float>("values")});
  }
}

TEST(FormatGoldens, EveryByteOfE2m1IsItsTwoValues) {
  const model::TensorFile file = golden("e2m1");
  expect_values({{.format = plain_format(Dtype::e2m1), .rows = 16, .cols = 32}, file.read<uint8_t>("packed"), file.read<float>("pairs")});
  const std::vector<uint8_t> codes = file.read<uint8_t>("codes");
  const std::vector<float> values = file.read<float>("values");
  for (size_t i = 0; i < codes.size(); ++i) EXPECT_TRUE(same(e2m1_to_f32(codes[i]), values[i])) << i;
}

// As the scales of a code 1.0, 8 of them side by side.
TEST(FormatGoldens, EveryE8m0ScaleIsItsValue) {
  const model::TensorFile file = golden("e8m0");
  const std::vector<uint8_t> scales = file.read<uint8_t>("codes");
  std::vector<float> values;
  for (const float value : file.read<float>("values")) values.insert(values.end(), 8, value);
  const PackedShape shape{.format = {.codes = Dtype::e2m1, .scales = Scales::per_group, .scale_dtype = Dtype::f8_e8m0, .group = 8},
                          .rows = 16, .cols = 128};
  expect_values({shape, std::vector<uint8_t>(16 * 64, 0x22), values, [&](std::byte* matrix) {
                   pack_scales({.shape = shape, .source = reinterpret_cast<const std::byte*>(scales.data()), .source_stride = 16,
                                .rows = {0, 16}, .groups = {0, 16}, .matrix = matrix});
                 }});
}

TEST(FormatGoldens, EveryBlockOfMxfp4IsItsValues) {
  const model::TensorFile file = golden("mxfp4");
  const std::vector<uint8_t> scales = file.read<uint8_t>("scale");
  const PackedShape shape{.format = {.codes = Dtype::e2m1, .scales = Scales::per_group, .scale_dtype = Dtype::f8_e8m0, .group = 32},
                          .rows = 32, .cols = 256};
  expect_values({shape, file.read<uint8_t>("packed"), file.read<float>("values"), [&](std::byte* matrix) {
                   pack_scales({.shape = shape, .source = reinterpret_cast<const std::byte*>(scales.data()), .source_stride = 8,
                                .rows = {0, 32}, .groups = {0, 8}, .matrix = matrix});
                 }});
}

// Each block has its own global scale, so each is a matrix.
TEST(FormatGoldens, EveryBlockOfNvfp4IsItsValues) {
  const model::TensorFile file = golden("nvfp4");
  const std::vector<uint8_t> packed = file.read<uint8_t>("packed"), scales = file.read<uint8_t>("scale");
  const std::vector<float> values = file.read<float>("values"), globals = file.read<float>("global_scale");
  const PackedShape shape{.format = {.codes = Dtype::e2m1, .scales = Scales::per_group, .scale_dtype = Dtype::f8_e4m3, .group = 16,
                                     .global = true},
                          .rows = 1, .cols = 16};
  for (size_t i = 0; i < scales.size(); ++i) {
    SCOPED_TRACE(i);
    const std::vector<uint8_t> codes(packed.begin() + static_cast<int64_t>(8 * i), packed.begin() + static_cast<int64_t>(8 * i + 8));
    const std::vector<float> block(values.begin() + static_cast<int64_t>(16 * i), values.begin() + static_cast<int64_t>(16 * i + 16));
    expect_values({shape, codes, block, [&](std::byte* matrix) {
                     pack_scales({.shape = shape, .source = reinterpret_cast<const std::byte*>(&scales[i]), .source_stride = 1,
                                  .rows = {0, 1}, .groups = {0, 1}, .matrix = matrix});
                     put_global_scale(shape, globals[i], matrix);
                   }});
  }
}

}  // namespace
}  // namespace yoke::kernels
