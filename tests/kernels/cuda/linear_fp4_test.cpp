#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/fp8.h"
#include "core/units.h"
#include "kernels/cuda/linear_fp4_launch.h"
#include "kernels/format/values.h"
#include "tests/emulator/ptx/number_formats.h"
#include "tests/kernels/cuda/emulated.h"
#include "tests/kernels/cuda/linear_twin.h"
#include "tests/kernels/random_weight.h"

namespace yoke::kernels::cuda::testing {
namespace {

using namespace kernels::testing;
using emulator::AddressSpace;
using emulator::Options;

// Columns that share a scale.
int64_t group_of(const WeightFormat& f) {
  return f.group > 0 ? f.group : info(f.codes).scale_elements;
}

struct Fp4Case {
  PackedPart weight;
  int64_t rows, x_stride, y_stride;
  std::vector<float> x, bias;
  bool with_bias;
  int64_t group() const { return group_of(weight.shape.format); }
  int64_t cols() const { return weight.shape.cols; }
  int64_t outputs() const { return weight.shape.rows; }
};

// Scales as quantisers write them, or of both signs.
WeightFile scaled_file(Random& random, const FormatSample& sample, int64_t rows, int64_t cols) {
  WeightFile file = random_file(random, sample, rows, whole_columns(sample.format, cols));
  if (sample.format.group == 16 && random.chance(60)) {
    for (std::byte& scale : file.scales) scale &= std::byte{0x7f};
  }
  return file;
}

// Activations of unlike sizes: a few blocks are far greater, some zero, and whole rows may be.
std::vector<float> activations(Random& random, int64_t rows, int64_t stride) {
  std::vector<float> x = random.normals(rows * stride);
  for (int64_t i = 0; i < rows * stride; i += random.between(1, 40)) {
    const float factor = random.chance(30) ? 0.0f : random.chance(50) ? 100.0f : 1e-3f;
    for (int64_t j = i; j < std::min(i + 16, rows * stride); ++j) x[static_cast<size_t>(j)] *= factor;
  }
  for (int64_t r = 0; r < rows; ++r) {
    if (random.chance(10)) std::fill_n(x.begin() + r * stride, stride, 0.0f);
  }
  return x;
}

Fp4Case random_case(uint64_t seed, const FormatSample& sample, int64_t rows = -1) {
  Random random(seed);
  const int64_t cols = random.chance(4) ? 0 : random.between(1, random.chance(40) ? 1500 : 300),
                outputs = random.between(1, random.chance(30) ? 150 : 40);
  if (rows < 0) rows = random.chance(30) ? 1 : random.chance(5) ? 0 : random.between(2, random.chance(30) ? 70 : 9);
  const int64_t first_col =
                    std::max<int64_t>(group_of(sample.format), column_unit(sample.format)) * random.between(0, 3),
                first_output = random.between(0, 20);
  const WeightFile file = scaled_file(random, sample, first_output + outputs, first_col + cols + 1);
  const int64_t x_stride = cols + random.between(0, 4);
  return {file.pack({first_output, first_output + outputs}, {first_col, first_col + cols}, random),
          rows,
          x_stride,
          outputs + random.between(0, 4),
          activations(random, rows, x_stride),
          random.normals(outputs),
          random.chance(30)};
}

// What a row of x is once it is quantised, by the words of linear_fp4_params.h; and its g, which `values` do not have
// in them.
struct QuantisedRow {
  std::vector<double> values;
  double row_scale;
};

float e8m0_scale(float greatest) {
  if (greatest == 0) return 0x1p-127f;
  return std::ldexp(1.0f, std::clamp(std::ilogb(greatest) - 2, -127, 127));
}

QuantisedRow quantised(const float* x, int64_t cols, int64_t group) {
  float greatest = 0;
  for (int64_t k = 0; k < cols; ++k) greatest = std::max(greatest, std::abs(x[k]));
  const float g = group == 16 ? greatest / 2688.0f : 1.0f;
  QuantisedRow row{std::vector<double>(static_cast<size_t>(cols)), g};
  for (int64_t begin = 0; begin < cols; begin += group) {
    float block = 0;
    for (int64_t k = begin; k < std::min(begin + group, cols); ++k) block = std::max(block, std::abs(x[k]));
    float scale = 0;
    if (group == 32)
      scale = e8m0_scale(block);
    else if (g != 0)
      scale = f8_e4m3_to_f32(f32_to_f8_e4m3(block / g / 6.0f));
    if (scale * g == 0) continue;
    for (int64_t k = begin; k < std::min(begin + group, cols); ++k) {
      row.values[static_cast<size_t>(k)] =
          double{emulator::e2m1_to_f32(emulator::f32_to_e2m1(x[k] / (scale * g)))} * double{scale};
    }
  }
  return row;
}

void expect_twin(const Fp4Case& c, const std::vector<float>& y) {
  std::vector<QuantisedRow> rows;
  for (int64_t r = 0; r < c.rows; ++r) rows.push_back(quantised(c.x.data() + r * c.x_stride, c.cols(), c.group()));
  std::vector<float> w(static_cast<size_t>(c.cols()));
  for (int64_t n = 0; n < c.outputs(); ++n) {
    format::weights(c.weight.matrix(), n, {0, c.cols()}, w.data());
    for (int64_t r = 0; r < c.rows; ++r) {
      double sum = 0, magnitudes = 0;
      const QuantisedRow& x = rows[static_cast<size_t>(r)];
      for (int64_t k = 0; k < c.cols(); ++k) {
        const double product = double{w[static_cast<size_t>(k)]} * x.values[static_cast<size_t>(k)] * x.row_scale;
        sum += product;
        magnitudes += std::abs(product);
      }
      if (c.with_bias) {
        sum += double{c.bias[static_cast<size_t>(n)]};
        magnitudes += std::abs(double{c.bias[static_cast<size_t>(n)]});
      }
      const float got = y[static_cast<size_t>(r * c.y_stride + n)];
      ASSERT_LE(std::abs(got - sum), linear_bound(c.cols(), magnitudes))
          << "row " << r << ", output " << n << ", K " << c.cols() << ": " << got << ", expected " << sum;
    }
  }
  for (int64_t r = 0; r < c.rows; ++r) {
    for (int64_t n = c.outputs(); n < c.y_stride; ++n)
      ASSERT_TRUE(std::isnan(y[static_cast<size_t>(r * c.y_stride + n)]));
  }
}

void run_plan(const Fp4Plan& plan, AddressSpace& memory, const Options& options) {
  for (const QuantiseLaunch& l : plan.quantise)
    run_kernel(kFp4Image, l.kernel, l.grid, 0, std::as_bytes(std::span(&l.params, 1)), memory, options);
  for (const Fp4Launch& l : plan.products)
    run_kernel(kFp4Image, l.kernel, l.grid, l.shared_bytes, std::as_bytes(std::span(&l.params, 1)), memory, options);
}

// Scratch of exactly so many bytes, poisoned.
struct Scratch {
  explicit Scratch(uint64_t bytes) : words(bytes / sizeof(float), std::nanf("")) {}
  std::vector<float> words;
  std::byte* at() { return device(reinterpret_cast<std::byte*>(words.data())); }
};

std::vector<float> run_rows(const Fp4Case& c, int64_t first, int64_t count, const Options& options = {}) {
  std::vector<float> y = poisoned(std::max<int64_t>(c.rows, 1) * c.y_stride);
  Scratch scratch(fp4_scratch_bytes(count, c.cols()));
  AddressSpace memory;
  const OnDevice weight(memory, c.weight.bytes.data(), static_cast<size_t>(c.weight.shape.bytes()), false);
  const OnDevice x(memory, c.x.data(), c.x.size() * sizeof(float), false),
      out(memory, y.data(), y.size() * sizeof(float), true);
  const OnDevice bias(memory, c.bias.data(), c.bias.size() * sizeof(float), false),
      between(memory, scratch.words.data(), 4 * scratch.words.size(), true);
  const Linear product{.w = {c.weight.shape, device(c.weight.bytes.data())},
                       .x = device(c.x.data() + first * c.x_stride),
                       .x_stride = c.x_stride,
                       .rows = count,
                       .y = device(y.data() + first * c.y_stride),
                       .y_stride = c.y_stride,
                       .bias = c.with_bias ? device(c.bias.data()) : nullptr};
  run_plan(plan_fp4({&product, 1}, scratch.at()), memory, options);
  return y;
}
std::vector<float> run(const Fp4Case& c, const Options& options = {}) {
  return run_rows(c, 0, c.rows, options);
}

class LinearFp4Test : public ::testing::TestWithParam<FormatSample> {};

TEST_P(LinearFp4Test, EqualsItsTwinWithinTheBoundOfItsFormat) {
  for_seeds(24, [&](uint64_t seed) {
    const Fp4Case c = random_case(seed, GetParam());
    expect_twin(c, run(c));
  });
}

TEST_P(LinearFp4Test, GivesTheSameBitsInEveryOrderOfWarpsAndCopies) {
  for (const int64_t rows : {3, 12, 20, 40}) {
    const Fp4Case c = random_case(static_cast<uint64_t>(rows), GetParam(), rows);
    const std::vector<float> y = run(c);
    for (const Options& options : all_options()) EXPECT_TRUE(same_bits(run(c, options), y)) << rows;
  }
}

TEST_P(LinearFp4Test, ARowsBitsDependOnNoOtherRowAndNoVariant) {
  for_seeds(3, [&](uint64_t seed) {
    const Fp4Case c = random_case(seed + 200, GetParam(), 70);
    const std::vector<float> together = run(c);
    Random random(seed);
    for (const int64_t count : {1, 5, 9, 16, 17, 33, 65}) {
      const int64_t first = random.between(0, c.rows - count);
      const std::vector<float> part = run_rows(c, first, count);
      for (int64_t r = first; r < first + count; ++r) {
        const auto row = [&](const std::vector<float>& y) {
          return std::vector<float>(y.begin() + r * c.y_stride, y.begin() + (r + 1) * c.y_stride);
        };
        ASSERT_TRUE(same_bits(row(part), row(together))) << "row " << r << " of " << count << " from " << first;
      }
    }
  });
}

TEST_P(LinearFp4Test, GroupsOfExpertsHaveTheBitsOfPlainProducts) {
  for_seeds(4, [&](uint64_t seed) {
    Random random(seed + 300);
    const int64_t experts = random.between(1, 9), tokens = random.between(1, 40), outputs = random.between(1, 60),
                  cols = random.between(1, 200);
    const bool by_token = random.chance(50);
    std::vector<Fp4Case> matrices;
    std::vector<const std::byte*> tables;
    for (int64_t e = 0; e < experts; ++e) {
      const WeightFile file = scaled_file(random, GetParam(), outputs, cols);
      matrices.push_back({file.pack({0, outputs}, {0, cols}, random), 1, cols, outputs, {}, {}, false});
    }
    std::vector<std::vector<int32_t>> of_expert(static_cast<size_t>(experts));
    for (int32_t slot = 0; slot < 2 * tokens; ++slot)
      of_expert[static_cast<size_t>(random.between(0, experts - 1))].push_back(slot);
    std::vector<int32_t> offsets{0}, slots;
    for (const auto& list : of_expert) {
      slots.insert(slots.end(), list.begin(), list.end());
      offsets.push_back(static_cast<int32_t>(slots.size()));
    }
    const int64_t x_rows = by_token ? tokens : 2 * tokens;
    const std::vector<float> x = activations(random, x_rows, cols);
    std::vector<float> y = poisoned(2 * tokens * outputs);
    Scratch scratch(fp4_scratch_bytes(x_rows, cols));

    AddressSpace memory;
    std::vector<std::unique_ptr<OnDevice>> ranges;
    const auto put = [&](const auto& v, bool writable) {
      ranges.push_back(std::make_unique<OnDevice>(memory, v.data(), v.size() * sizeof(v[0]), writable));
    };
    for (const Fp4Case& c : matrices) {
      put(c.weight.bytes, false);
      tables.push_back(device(c.weight.bytes.data()));
    }
    put(tables, false), put(offsets, false), put(slots, false), put(x, false), put(y, true), put(scratch.words, true);
    const Linear product{.w = {matrices[0].weight.shape, nullptr},
                         .x = device(x.data()),
                         .x_stride = cols,
                         .rows = 2 * tokens,
                         .y = device(y.data()),
                         .y_stride = outputs};
    const LinearGroups groups{.offsets = device(offsets.data()),
                              .slots = device(slots.data()),
                              .matrices = device(tables.data()),
                              .biases = nullptr,
                              .experts = static_cast<uint32_t>(experts),
                              .top_k = 2,
                              .by_token = by_token};
    run_plan(plan_grouped_fp4({&product, 1}, groups, x_rows, scratch.at()), memory, {});
    for (int64_t e = 0; e < experts; ++e) {
      for (int64_t i = offsets[static_cast<size_t>(e)]; i < offsets[static_cast<size_t>(e) + 1]; ++i) {
        const int64_t row = by_token ? slots[static_cast<size_t>(i)] / 2 : i;
        Fp4Case alone = matrices[static_cast<size_t>(e)];
        alone.x.assign(x.begin() + row * cols, x.begin() + (row + 1) * cols);
        ASSERT_TRUE(same_bits(std::vector<float>(y.begin() + i * outputs, y.begin() + (i + 1) * outputs), run(alone)))
            << "expert " << e;
      }
    }
  });
}

TEST(LinearFp4Launch, OneActivationIsQuantisedOnceAndPartsWithinAGroupAreRefused) {
  const WeightFormat nvfp4{
      .codes = Dtype::e2m1, .scales = Scales::per_group, .scale_dtype = Dtype::f8_e4m3, .group = 16};
  std::vector<Linear> products(3, Linear{.w = {{.format = nvfp4, .rows = 64, .cols = 128}, nullptr},
                                         .x = nullptr,
                                         .x_stride = 128,
                                         .rows = 4,
                                         .y = nullptr,
                                         .y_stride = 64});
  EXPECT_EQ(plan_fp4(products, nullptr).quantise.size(), 1u);
  EXPECT_EQ(plan_fp4(products, nullptr).products.size(), 1u);
  products[1].x = reinterpret_cast<const float*>(4096);
  EXPECT_EQ(plan_fp4(products, nullptr).quantise.size(), 2u);
  products[1].w.shape.col_begin = 8;
  EXPECT_FALSE(supports_fp4(products[1].w.shape));
  EXPECT_THROW(plan_fp4(products, nullptr), Error);
}

std::vector<FormatSample> fp4_samples() {
  std::vector<FormatSample> samples;
  for (const FormatSample& s : format_samples()) {
    if (supports_fp4({.format = s.format, .rows = 16, .cols = 64})) samples.push_back(s);
  }
  return samples;
}
INSTANTIATE_TEST_SUITE_P(Formats, LinearFp4Test, ::testing::ValuesIn(fp4_samples()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace yoke::kernels::cuda::testing
