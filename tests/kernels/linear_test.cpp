#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/units.h"
#include "kernels/format/values.h"
#include "kernels/ops.h"
#include "tests/kernels/linear_case.h"

namespace yoke::kernels {
namespace {

using namespace testing;

class LinearTest : public ::testing::TestWithParam<FormatSample> {};

TEST_P(LinearTest, IsEqualInEveryBitOnEveryInstructionSetAndThreadCount) {
  const auto reference = ops_backend("reference").make({.threads = 1});
  const auto alone = ops_backend("cpu").make({.threads = 1});
  const auto shared = ops_backend("cpu").make({.threads = 3});
  for_seeds(15, [&](uint64_t seed) {
    const LinearCase c = random_linear(seed, GetParam());
    const std::vector<float> expected = c.run(*reference);
    for_targets([&](const std::string&) {
      EXPECT_TRUE(same_bits(c.run(*alone), expected));
      EXPECT_TRUE(same_bits(c.run(*shared), expected));
    });
  });
}

TEST_P(LinearTest, ARowsResultDoesNotDependOnItsNeighbours) {
  const auto ops = ops_backend("cpu").make({.threads = 1});
  for_seeds(6, [&](uint64_t seed) {
    const LinearCase c = random_linear(seed + 1000, GetParam());
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
  const auto ops = ops_backend("reference").make({.threads = 1});
  for_seeds(4, [&](uint64_t seed) {
    const LinearCase c = random_linear(seed + 2000, GetParam());
    const std::vector<float> y = c.run(*ops);
    std::vector<float> weights(static_cast<size_t>(c.cols()));
    for (int64_t n = 0; n < c.outputs(); ++n) {
      format::weights(c.weight.matrix(), n, {0, c.cols()}, weights.data());
      for (int64_t r = 0; r < c.rows; ++r) {
        double truth = c.with_bias ? c.bias[static_cast<size_t>(n)] : 0.0;
        double magnitude = std::fabs(truth);
        for (size_t k = 0; k < weights.size(); ++k) {
          const double product = static_cast<double>(weights[k]) * static_cast<double>(c.x[static_cast<size_t>(r * c.x_stride) + k]);
          truth += product;
          // Blocks are joined as d * sum(code x) + m * sum(x), whose parts may be larger than what they add up to.
          magnitude += (info(GetParam().format.codes).scale_elements > 0 ? 20 : 1) * std::fabs(product) + 1e-3;
        }
        const double bound = static_cast<double>(c.cols() + 8) * 0x1p-24 * magnitude;
        ASSERT_NEAR(y[static_cast<size_t>(r * c.y_stride + n)], truth, bound) << "row " << r << " output " << n;
      }
    }
  });
}

// 2^-100 / 16^6 is no normal float: there the nibble kernels must take the form that does not divide x.
TEST_P(LinearTest, TinyActivationsKeepTheirBits) {
  const auto reference = ops_backend("reference").make({.threads = 1});
  const auto ops = ops_backend("cpu").make({.threads = 1});
  for_seeds(3, [&](uint64_t seed) {
    LinearCase c = random_linear(seed + 3000, GetParam());
    for (size_t i = 0; i < c.x.size(); i += 3) c.x[i] *= 0x1p-120f;
    const std::vector<float> expected = c.run(*reference);
    for_targets([&](const std::string&) { EXPECT_TRUE(same_bits(c.run(*ops), expected)); });
  });
}

INSTANTIATE_TEST_SUITE_P(Formats, LinearTest, ::testing::ValuesIn(format_samples()), [](const auto& test) { return test.param.name; });

TEST(TransposedLinear, IsEqualInEveryBitOnEveryInstructionSetAndThreadCount) {
  const auto reference = ops_backend("reference").make({.threads = 1});
  const auto alone = ops_backend("cpu").make({.threads = 1});
  const auto shared = ops_backend("cpu").make({.threads = 3});
  for_seeds(3, [&](uint64_t seed) {
    for (const FormatSample& sample : format_samples()) {
      SCOPED_TRACE(sample.name);
      const LinearCase c = random_linear(seed + 4000, sample);
      Random random(seed);
      const int64_t first = random.between(0, (c.outputs() - 1) / kPanelRows) * kPanelRows;
      const int64_t count = random.between(1, c.outputs() - first);
      const std::vector<float> x = random.normals((c.rows + 1) * (count + 3));
      const auto run = [&](Ops& ops) {
        std::vector<float> y = poisoned((c.rows + 1) * (c.cols() + 2));
        ops.run(TransposedLinear{c.weight.matrix(), first, count, x.data(), count + 3, c.rows, y.data(), c.cols() + 2});
        return y;
      };
      const std::vector<float> expected = run(*reference);
      for_targets([&](const std::string&) {
        EXPECT_TRUE(same_bits(run(*alone), expected));
        EXPECT_TRUE(same_bits(run(*shared), expected));
      });
    }
  });
}

TEST(TransposedLinear, IsTheSumOverOutputs) {
  Random random(7);
  const WeightFile file = random_file(random, {"BF16", plain_format(Dtype::bf16)}, 40, 70);
  const PackedPart w = file.pack();
  const std::vector<float> x = random.normals(20);
  std::vector<float> y = poisoned(70);
  ops_backend("reference").make({.threads = 1})->run(TransposedLinear{w.matrix(), 16, 20, x.data(), 20, 1, y.data(), 70});
  for (int64_t k = 0; k < 70; ++k) {
    double truth = 0;
    for (int64_t n = 0; n < 20; ++n) truth += file.value(16 + n, k) * static_cast<double>(x[static_cast<size_t>(n)]);
    EXPECT_NEAR(y[static_cast<size_t>(k)], truth, 1e-5);
  }
}

TEST(EmbeddingLookup, ReadsTheWeightsOfThePart) {
  for_seeds(3, [&](uint64_t seed) {
    for (const FormatSample& sample : format_samples()) {
      const LinearCase c = random_linear(seed + 5000, sample);
      const std::vector<int32_t> rows = {0, static_cast<int32_t>(c.outputs() - 1), static_cast<int32_t>(c.outputs() / 2)};
      std::vector<float> expected = poisoned(3 * (c.cols() + 2));
      for (size_t r = 0; r < rows.size(); ++r) {
        for (int64_t k = 0; k < c.cols(); ++k) {
          expected[r * static_cast<size_t>(c.cols() + 2) + static_cast<size_t>(k)] = format::weight(c.weight.matrix(), rows[r], k);
        }
      }
      for (const OpsBackend& backend : host_backends()) {
        std::vector<float> y = poisoned(3 * (c.cols() + 2));
        backend.make({.threads = 1})->run(EmbeddingLookup{c.weight.matrix(), rows, y.data(), c.cols() + 2});
        EXPECT_TRUE(same_bits(y, expected)) << sample.name;
      }
    }
  });
}

}  // namespace
}  // namespace yoke::kernels
