#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/units.h"
#include "kernels/ops.h"
#include "tests/kernels/random_problem.h"

namespace yoke::kernels {
namespace {

using namespace testing;

// A product with all that its shape allows: rows past 64, K that fills no chunk (plain types), N that fills no panel, strides,
// with and without bias.
struct Case {
  Weight weight;
  int64_t rows, x_stride, y_stride;
  std::vector<float> x, bias;
  bool with_bias;

  std::vector<float> run(Ops& ops, int64_t first_row, int64_t count) const {
    std::vector<float> y = poisoned(std::max<int64_t>(rows, 1) * y_stride);
    ops.run(Linear{.w = weight.packed(), .x = x.data() + first_row * x_stride, .x_stride = x_stride, .rows = count,
                   .y = y.data() + first_row * y_stride, .y_stride = y_stride, .bias = with_bias ? bias.data() : nullptr});
    return y;
  }
  std::vector<float> run(Ops& ops) const { return run(ops, 0, rows); }
};

Case random_case(uint64_t seed, Dtype dtype) {
  Random random(seed);
  const int64_t block = info(dtype).block_elements;
  const int64_t cols = random.chance(5) ? 0 : round_up(random.between(1, random.chance(20) ? 1500 : 200), block);
  const int64_t outputs = random.between(1, random.chance(30) ? 300 : 70);
  const int64_t rows = random.chance(30) ? 1 : random.chance(5) ? 0 : random.between(2, random.chance(10) ? 130 : 40);
  const int64_t x_stride = cols + random.between(0, 5);
  const int64_t y_stride = outputs + random.between(0, 5);
  Weight weight = random_weight(random, dtype, outputs, cols);
  return {std::move(weight), rows, x_stride, y_stride, random.normals(rows * x_stride + 1), random.normals(outputs),
          random.chance(30)};
}

class LinearTest : public ::testing::TestWithParam<Dtype> {};

TEST_P(LinearTest, IsEqualInEveryBitOnEveryInstructionSetAndThreadCount) {
  const auto reference = ops_backend("reference").make(1);
  const auto alone = ops_backend("cpu").make(1);
  const auto shared = ops_backend("cpu").make(3);
  for_seeds(60, [&](uint64_t seed) {
    const Case c = random_case(seed, GetParam());
    const std::vector<float> expected = c.run(*reference);
    for_targets([&](const std::string&) {
      EXPECT_TRUE(same_bits(c.run(*alone), expected));
      EXPECT_TRUE(same_bits(c.run(*shared), expected));
    });
  });
}

TEST_P(LinearTest, ARowsResultDoesNotDependOnItsNeighbours) {
  const auto ops = ops_backend("cpu").make(1);
  for_seeds(20, [&](uint64_t seed) {
    const Case c = random_case(seed + 1000, GetParam());
    if (c.rows == 0) return;
    const std::vector<float> together = c.run(*ops);
    Random random(seed);
    for (int i = 0; i < 6; ++i) {
      const int64_t first = random.between(0, c.rows - 1);
      const int64_t count = i < 3 ? 1 : random.between(1, c.rows - first);
      const std::vector<float> part = c.run(*ops, first, count);
      const auto slice = [&](const std::vector<float>& y) {
        return std::vector<float>(y.begin() + first * c.y_stride, y.begin() + (first + count) * c.y_stride);
      };
      EXPECT_TRUE(same_bits(slice(part), slice(together))) << "rows " << first << " .. " << first + count;
    }
  });
}

// K operations of relative error u = 2^-24 each, applied to sums that stay below sum |w x|; decoding and joining add a few.
TEST_P(LinearTest, TheReferenceIsWithinTheErrorThatItsLengthAllows) {
  const auto ops = ops_backend("reference").make(1);
  for_seeds(20, [&](uint64_t seed) {
    const Case c = random_case(seed + 2000, GetParam());
    const std::vector<float> y = c.run(*ops);
    for (int64_t r = 0; r < c.rows; ++r) {
      for (int64_t n = 0; n < c.weight.rows; ++n) {
        double truth = c.with_bias ? c.bias[static_cast<size_t>(n)] : 0.0;
        double magnitude = std::fabs(truth);
        for (int64_t k = 0; k < c.weight.cols; ++k) {
          const double product = c.weight.value(n, k) * static_cast<double>(c.x[static_cast<size_t>(r * c.x_stride + k)]);
          truth += product;
          // Blocks are joined as d * sum(code x) + m * sum(x), whose parts may be larger than what they add up to.
          magnitude += (info(GetParam()).block_elements > 1 ? 20 : 1) * std::fabs(product) + 1e-3;
        }
        const double bound = static_cast<double>(c.weight.cols + 8) * 0x1p-24 * magnitude;
        ASSERT_NEAR(y[static_cast<size_t>(r * c.y_stride + n)], truth, bound) << "row " << r << " output " << n;
      }
    }
  });
}

// 2^-100 / 16^6 is no normal float: there the nibble kernels must take the form that does not divide x.
TEST_P(LinearTest, TinyActivationsKeepTheirBits) {
  const auto reference = ops_backend("reference").make(1);
  const auto ops = ops_backend("cpu").make(1);
  for_seeds(10, [&](uint64_t seed) {
    Case c = random_case(seed + 3000, GetParam());
    for (size_t i = 0; i < c.x.size(); i += 3) c.x[i] *= 0x1p-120f;
    const std::vector<float> expected = c.run(*reference);
    for_targets([&](const std::string&) { EXPECT_TRUE(same_bits(c.run(*ops), expected)); });
  });
}

INSTANTIATE_TEST_SUITE_P(Formats, LinearTest, ::testing::ValuesIn(kWeightDtypes),
                         [](const auto& test) { return std::string(name(test.param)); });

TEST(EmbeddingLookup, ReadsTheWeightsThatTheFileHolds) {
  for_seeds(12, [&](uint64_t seed) {
    for (const Dtype dtype : kWeightDtypes) {
      Random random(seed);
      const Weight weight = random_weight(random, dtype, random.between(1, 100), 32 * random.between(1, 5));
      const std::vector<int32_t> rows = {0, static_cast<int32_t>(weight.rows - 1), static_cast<int32_t>(weight.rows / 2)};
      for (const OpsBackend& backend : ops_backends()) {
        std::vector<float> y = poisoned(3 * (weight.cols + 2));
        backend.make(1)->run(EmbeddingLookup{weight.packed(), rows, y.data(), weight.cols + 2});
        for (size_t r = 0; r < rows.size(); ++r) {
          for (int64_t k = 0; k < weight.cols; ++k) {
            // One rounding of the true value: d * code and fma(d, code, m) are rounded once.
            ASSERT_EQ(y[r * static_cast<size_t>(weight.cols + 2) + static_cast<size_t>(k)],
                      static_cast<float>(weight.value(rows[r], k)));
          }
        }
      }
    }
  });
}

}  // namespace
}  // namespace yoke::kernels
