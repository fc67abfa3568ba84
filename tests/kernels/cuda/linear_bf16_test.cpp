#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/units.h"
#include "kernels/cuda/linear_launch.h"
#include "tests/kernels/cuda/emulated.h"
#include "tests/kernels/cuda/linear_twin.h"
#include "tests/kernels/random_weight.h"

namespace yoke::kernels::cuda::testing {
namespace {

using namespace kernels::testing;
using emulator::AddressSpace;
using emulator::Options;

// A product with all that its shape allows: a part that begins and ends anywhere, K that fills no unit, N that fills no
// panel, strides.
struct Case {
  PackedPart weight;
  int64_t rows, x_stride, y_stride;
  std::vector<float> x, bias;
  bool with_bias;
  Range outputs{};

  int64_t width() const {
    return outputs.empty() ? weight.shape.rows : std::min(outputs.end, weight.shape.rows) - outputs.begin;
  }
  Linear on_host(float* y = nullptr) const {
    return {.w = weight.matrix(),
            .x = x.data(),
            .x_stride = x_stride,
            .rows = rows,
            .y = y,
            .y_stride = y_stride,
            .bias = with_bias ? bias.data() : nullptr,
            .outputs = outputs};
  }
  Linear on_device(float* y, int64_t first_row, int64_t count) const {
    Linear p = on_host(device(y + first_row * y_stride));
    p.w.data = device(weight.bytes.data());
    p.x = device(x.data() + first_row * x_stride);
    p.rows = count;
    p.bias = device(p.bias);
    return p;
  }
};

int64_t any_begin(Random& random, int64_t edge) {
  if (random.chance(40)) return 0;
  return random.chance(50) ? edge * random.between(1, 3) : random.between(1, 3 * edge);
}

struct Shape {
  int64_t rows = -1, outputs = -1, cols = -1;  // -1: drawn
};

Case random_case(uint64_t seed, const FormatSample& sample, const Shape& shape = {}) {
  Random random(seed);
  int64_t cols = random.chance(4) ? 0 : random.between(1, random.chance(30) ? 1500 : 300);
  int64_t outputs = random.between(1, random.chance(30) ? 150 : 40);
  int64_t rows = random.chance(30) ? 1 : random.chance(5) ? 0 : random.between(2, random.chance(30) ? 70 : 9);
  if (shape.cols >= 0) cols = shape.cols;
  if (shape.outputs >= 0) outputs = shape.outputs;
  if (shape.rows >= 0) rows = shape.rows;
  const int64_t first_col = any_begin(random, 32), first_output = any_begin(random, 16);
  const WeightFile file =
      random_file(random, sample, first_output + outputs, whole_columns(sample.format, first_col + cols + 1));
  const int64_t x_stride = random.chance(50) ? round_up(cols, 4) : cols + random.between(0, 5);
  Case c{file.pack({first_output, first_output + outputs}, {first_col, first_col + cols}, random),
         rows,
         x_stride,
         outputs + random.between(0, 5),
         random.normals(rows * x_stride),
         random.normals(outputs),
         random.chance(30)};
  if (random.chance(20) && outputs > 16) c.outputs = {16, random.chance(50) ? round_up(outputs, 16) : 32};
  return c;
}

std::vector<float> poison_for(const Case& c) {
  return poisoned(std::max<int64_t>(c.rows, 1) * c.y_stride);
}

void run_on(AddressSpace& memory, std::span<const Linear> products, const Options& options, int capability = 121) {
  for (const LinearLaunch& launch : plan_linear(products)) run_launch(launch, memory, options, capability);
}

// Rows first .. first + count - 1; what is not theirs stays poison.
std::vector<float> run_rows(const Case& c, int64_t first, int64_t count, const Options& options = {},
                            int capability = 121) {
  std::vector<float> y = poison_for(c);
  AddressSpace memory;
  const OnDevice weight(memory, c.weight.bytes.data(), static_cast<size_t>(c.weight.shape.bytes()), false);
  const OnDevice x(memory, c.x.data(), c.x.size() * sizeof(float), false),
      out(memory, y.data(), y.size() * sizeof(float), true);
  const OnDevice bias(memory, c.bias.data(), c.with_bias ? c.bias.size() * sizeof(float) : 0, false);
  const Linear product = c.on_device(y.data(), first, count);
  run_on(memory, {&product, 1}, options, capability);
  return y;
}
std::vector<float> run(const Case& c, const Options& options = {}, int capability = 121) {
  return run_rows(c, 0, c.rows, options, capability);
}

void expect_twin(const Case& c, const std::vector<float>& y) {
  const std::vector<TwinValue> twin = linear_twin(c.on_host());
  for (int64_t r = 0; r < c.rows; ++r) {
    for (int64_t i = 0; i < c.y_stride; ++i) {
      const float got = y[static_cast<size_t>(r * c.y_stride + i)];
      if (i >= c.width()) {
        ASSERT_TRUE(std::isnan(got)) << "row " << r << " wrote " << got << " behind its outputs, at " << i;
        continue;
      }
      const TwinValue& expected = twin[static_cast<size_t>(r * c.width() + i)];
      ASSERT_LE(std::abs(got - expected.value), expected.bound)
          << "row " << r << " of " << c.rows << ", output " << i << " of " << c.width() << ", K " << c.weight.shape.cols
          << " from " << c.weight.shape.col_begin << ": " << got << ", expected " << expected.value;
    }
  }
}

class LinearBf16Test : public ::testing::TestWithParam<FormatSample> {};

TEST_P(LinearBf16Test, EqualsItsTwinWithinTheBoundOfItsFormat) {
  for_seeds(24, [&](uint64_t seed) {
    const Case c = random_case(seed, GetParam());
    expect_twin(c, run(c));
  });
}

TEST_P(LinearBf16Test, GivesTheSameBitsInEveryOrderOfWarpsAndCopies) {
  for_seeds(3, [&](uint64_t seed) {
    for (const int64_t rows : {3, 12, 20, 40}) {
      const Case c = random_case(seed + 100, GetParam(), {.rows = rows, .cols = 700 + static_cast<int64_t>(seed)});
      const std::vector<float> y = run(c);
      expect_twin(c, y);
      for (const Options& options : all_options()) EXPECT_TRUE(same_bits(run(c, options), y));
      EXPECT_TRUE(same_bits(run(c, {}, 90), y));
    }
  });
}

// Every variant of the kernel makes some of these.
TEST_P(LinearBf16Test, ARowsBitsDependOnNoOtherRowAndNoVariant) {
  for_seeds(3, [&](uint64_t seed) {
    const Case c = random_case(seed + 200, GetParam(), {.rows = 70, .outputs = 16 * 9 + 3});
    const std::vector<float> together = run(c);
    Random random(seed);
    for (const int64_t count : {1, 1, 5, 8, 9, 16, 17, 30, 33, 64, 65}) {
      const int64_t first = random.between(0, c.rows - count);
      const std::vector<float> part = run_rows(c, first, count);
      for (int64_t r = 0; r < c.rows; ++r) {
        const auto row = [&](const std::vector<float>& y) {
          return std::vector<float>(y.begin() + r * c.y_stride, y.begin() + r * c.y_stride + c.width());
        };
        if (r >= first && r < first + count)
          ASSERT_TRUE(same_bits(row(part), row(together))) << "row " << r << " of " << count << " from " << first;
        else
          ASSERT_TRUE(std::isnan(row(part)[0]));
      }
    }
  });
}

// More tiles of rows than go together, and not a multiple of them.
TEST_P(LinearBf16Test, ManyTilesOfRowsAndRangesOfPanelsAreAllMade) {
  const Case c = random_case(500, GetParam(), {.rows = 64 * 6 + 5, .outputs = 300, .cols = 70});
  const std::vector<float> y = run(c);
  expect_twin(c, y);
}

TEST_P(LinearBf16Test, ProductsSideBySideHaveTheBitsOfEachAlone) {
  for_seeds(4, [&](uint64_t seed) {
    Random random(seed);
    const int64_t rows = random.chance(50) ? random.between(1, 8) : random.between(1, 70);
    std::vector<Case> cases;
    for (int64_t i = random.between(2, 10); i > 0; --i)
      cases.push_back(random_case(1000 * seed + static_cast<uint64_t>(i), GetParam(), {.rows = rows}));
    std::vector<std::vector<float>> results;
    for (const Case& c : cases) results.push_back(poison_for(c));
    AddressSpace memory;
    std::vector<std::unique_ptr<OnDevice>> ranges;
    const auto put = [&](const void* at, size_t bytes, bool writable) {
      ranges.push_back(std::make_unique<OnDevice>(memory, at, bytes, writable));
    };
    std::vector<Linear> products;
    for (size_t i = 0; i < cases.size(); ++i) {
      const Case& c = cases[i];
      put(c.weight.bytes.data(), static_cast<size_t>(c.weight.shape.bytes()), false);
      put(c.x.data(), c.x.size() * sizeof(float), false);
      put(c.bias.data(), c.bias.size() * sizeof(float), false);
      put(results[i].data(), results[i].size() * sizeof(float), true);
      products.push_back(c.on_device(results[i].data(), 0, rows));
    }
    EXPECT_EQ(plan_linear(products).size(),
              static_cast<size_t>(ceil_div(static_cast<int64_t>(cases.size()), kMostLinearProblems)));
    run_on(memory, products, {});
    for (size_t i = 0; i < cases.size(); ++i) EXPECT_TRUE(same_bits(results[i], run(cases[i])));
  });
}

// Experts with no, one and many tokens; x by position or by token.
struct GroupedCase {
  FormatSample sample;
  int64_t experts, top_k, tokens, outputs, cols;
  bool by_token, with_bias;
  std::vector<Case> matrices;
  std::vector<int32_t> offsets, slots;
  std::vector<float> x;

  int64_t positions() const { return offsets.back(); }
  int64_t x_row(int64_t position) const { return by_token ? slots[static_cast<size_t>(position)] / top_k : position; }
};

GroupedCase random_grouped(uint64_t seed, const FormatSample& sample) {
  Random random(seed);
  GroupedCase g{.sample = sample,
                .experts = random.between(1, random.chance(30) ? 70 : 9),
                .top_k = random.between(1, 3),
                .tokens = random.between(1, random.chance(40) ? 60 : 6),
                .outputs = random.between(1, 60),
                .cols = random.between(1, 200),
                .by_token = random.chance(50),
                .with_bias = random.chance(50)};
  const int64_t first_col = any_begin(random, 32);
  for (int64_t e = 0; e < g.experts; ++e) {
    const WeightFile file = random_file(random, sample, g.outputs, whole_columns(sample.format, first_col + g.cols));
    g.matrices.push_back({file.pack({0, g.outputs}, {first_col, first_col + g.cols}, random),
                          1,
                          g.cols,
                          g.outputs,
                          {},
                          random.normals(g.outputs),
                          false});
  }
  std::vector<std::vector<int32_t>> of_expert(static_cast<size_t>(g.experts));
  for (int64_t slot = 0; slot < g.tokens * g.top_k; ++slot) {
    const int64_t expert = random.chance(50) ? 0 : random.between(0, g.experts - 1);
    of_expert[static_cast<size_t>(expert)].push_back(static_cast<int32_t>(slot));
  }
  g.offsets.push_back(0);
  for (const auto& list : of_expert) {
    g.slots.insert(g.slots.end(), list.begin(), list.end());
    g.offsets.push_back(static_cast<int32_t>(g.slots.size()));
  }
  g.x = random.normals(std::max(g.tokens, g.positions()) * g.cols);
  return g;
}

std::vector<float> run_grouped(const GroupedCase& g, const Options& options) {
  std::vector<float> y = poisoned(g.positions() * g.outputs);
  AddressSpace memory;
  std::vector<std::unique_ptr<OnDevice>> ranges;
  const auto put = [&](const auto& v, bool writable = false) {
    ranges.push_back(std::make_unique<OnDevice>(memory, v.data(), v.size() * sizeof(v[0]), writable));
  };
  std::vector<const std::byte*> matrices;
  std::vector<const float*> biases;
  for (const Case& c : g.matrices) {
    put(c.weight.bytes);
    put(c.bias);
    matrices.push_back(device(c.weight.bytes.data()));
    biases.push_back(device(c.bias.data()));
  }
  put(matrices), put(biases), put(g.offsets), put(g.slots), put(g.x), put(y, true);
  const Linear product{.w = {g.matrices[0].weight.shape, nullptr},
                       .x = device(g.x.data()),
                       .x_stride = g.cols,
                       .rows = g.positions(),
                       .y = device(y.data()),
                       .y_stride = g.outputs};
  const LinearGroups groups{.offsets = device(g.offsets.data()),
                            .slots = device(g.slots.data()),
                            .matrices = device(matrices.data()),
                            .biases = g.with_bias ? device(biases.data()) : nullptr,
                            .experts = static_cast<uint32_t>(g.experts),
                            .top_k = static_cast<uint32_t>(g.top_k),
                            .by_token = g.by_token};
  for (const LinearLaunch& launch : plan_grouped_linear({&product, 1}, groups)) run_launch(launch, memory, options);
  return y;
}

TEST_P(LinearBf16Test, GroupsOfExpertsHaveTheBitsOfPlainProducts) {
  for_seeds(4, [&](uint64_t seed) {
    const GroupedCase g = random_grouped(seed + 300, GetParam());
    const std::vector<float> y = run_grouped(g, {});
    for (int64_t e = 0; e < g.experts; ++e) {
      for (int64_t i = g.offsets[static_cast<size_t>(e)]; i < g.offsets[static_cast<size_t>(e) + 1]; ++i) {
        Case alone = g.matrices[static_cast<size_t>(e)];
        alone.x.assign(g.x.begin() + g.x_row(i) * g.cols, g.x.begin() + (g.x_row(i) + 1) * g.cols);
        alone.with_bias = g.with_bias;
        ASSERT_TRUE(
            same_bits(std::vector<float>(y.begin() + i * g.outputs, y.begin() + (i + 1) * g.outputs), run(alone)))
            << "expert " << e;
      }
    }
    for (const Options& options : all_options()) EXPECT_TRUE(same_bits(run_grouped(g, options), y));
  });
}

std::vector<FormatSample> supported_samples() {
  std::vector<FormatSample> samples;
  for (FormatSample& s : format_samples()) {
    if (supports_bf16(s.format) && s.name.find("column") == std::string::npos &&
        s.name.find("transposed") == std::string::npos)
      samples.push_back(s);
  }
  FormatSample block{"FP8_square_128", {.codes = Dtype::f8_e4m3, .scales = Scales::per_block, .group = 128}};
  samples.push_back(block);
  return samples;
}
INSTANTIATE_TEST_SUITE_P(Formats, LinearBf16Test, ::testing::ValuesIn(supported_samples()),
                         [](const auto& info) { return info.param.name; });

// Packed forms whose lists are so long that a search takes several steps, in one run a panel and in several.
TEST(LinearPackedLists, LongListsOfExceptionsAreSearched) {
  constexpr int64_t kCols = 32000, kOutputs = 20;
  for (const FormatSample& sample : supported_samples()) {
    if (!sample.format.packed) continue;
    for_seeds(2, [&](uint64_t seed) {
      Random random(seed + 400);
      WeightFile file = random_file(random, sample, kOutputs, kCols);
      if (sample.format.codes == Dtype::bf16) {
        for (size_t at = 0; at + 1 < file.codes.size(); at += 2 * static_cast<size_t>(random.between(1, 760))) {
          file.codes[at + 1] = static_cast<std::byte>(random.between(0x20, 0x30));  // 2^-63 .. 2^-30
        }
      } else {
        for (size_t at = 0; at < file.scales.size(); at += static_cast<size_t>(random.between(1, 160))) {
          file.scales[at] = static_cast<std::byte>(random.between(0, 126));
        }
      }
      Random pieces(seed);
      Case c{seed == 0 ? file.pack() : file.pack({0, kOutputs}, {0, kCols}, pieces),
             2,
             kCols,
             kOutputs,
             random.normals(2 * kCols),
             {},
             false};
      expect_twin(c, run(c));
    });
  }
}

TEST(LinearLaunch, OtherFormatsAreRefusedByName) {
  for (const Dtype codes : {Dtype::f32, Dtype::f16, Dtype::f8_e5m2, Dtype::q4_0, Dtype::q6_k}) {
    EXPECT_FALSE(supports_bf16(plain_format(codes)));
    const Linear product{.w = {{.format = plain_format(codes), .rows = 16, .cols = 256}, nullptr},
                         .x = nullptr,
                         .x_stride = 0,
                         .rows = 1,
                         .y = nullptr,
                         .y_stride = 0};
    try {
      plan_linear({&product, 1});
      ADD_FAILURE() << "planned";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::unsupported);
      EXPECT_NE(std::string(e.what()).find(name(plain_format(codes))), std::string::npos);
    }
  }
}

TEST(LinearLaunch, VariantsGoByTheNumberOfRowsAndBlocksByPanels) {
  Linear product{.w = {{.format = plain_format(Dtype::bf16), .rows = 16 * 20 + 1, .cols = 256}, nullptr},
                 .x = nullptr,
                 .x_stride = 0,
                 .rows = 1,
                 .y = nullptr,
                 .y_stride = 0};
  const auto planned = [&](int64_t rows) {
    product.rows = rows;
    return plan_linear({&product, 1}).at(0);
  };
  EXPECT_EQ(planned(1).kernel, "linear_bf16_8");
  EXPECT_EQ(planned(8).grid, 21u);
  EXPECT_EQ(planned(9).kernel, "linear_bf16_16");
  EXPECT_EQ(planned(32).kernel, "linear_bf16_32");
  EXPECT_EQ(planned(32).grid, 3u);
  EXPECT_EQ(planned(129).kernel, "linear_bf16_64");
  EXPECT_EQ(planned(129).grid, 9u);
  product.rows = 0;
  EXPECT_TRUE(plan_linear({&product, 1}).empty());
}

}  // namespace
}  // namespace yoke::kernels::cuda::testing
