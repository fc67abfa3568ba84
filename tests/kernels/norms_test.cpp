#include <gtest/gtest.h>

#include <cmath>

#include "tests/kernels/equal_bits.h"
#include "tests/kernels/random_ops.h"

namespace yoke::kernels {
namespace {

using namespace testing;

TEST(RmsNorm, IsEqualInEveryBitOnEveryInstructionSet) { expect_equal_bits(200, run_rms_norm); }
TEST(LayerNorm, IsEqualInEveryBitOnEveryInstructionSet) { expect_equal_bits(200, run_layer_norm); }
TEST(RmsScale, IsEqualInEveryBitOnEveryInstructionSet) { expect_equal_bits(200, run_split_norm); }

// width / 16 additions in each lane, 4 in the tree, then a division, a root and two products: (width / 16 + 10) roundings.
TEST(RmsNorm, TheReferenceIsWithinTheErrorThatItsWidthAllows) {
  const auto ops = ops_backend("reference").make({.threads = 1});
  Random random(3);
  for (const int64_t width : {1, 15, 16, 17, 576, 4096}) {
    const std::vector<float> x = random.normals(width), w = random.normals(width);
    std::vector<float> y = poisoned(width);
    ops->run(RmsNorm{x.data(), width, 1, width, w.data(), 1e-5f, y.data(), width});
    double squares = 0;
    for (const float value : x) squares += static_cast<double>(value) * value;
    const double norm = std::sqrt(squares / static_cast<double>(width) + 1e-5);
    for (size_t i = 0; i < y.size(); ++i) {
      const double truth = static_cast<double>(x[i]) / norm * w[i];
      ASSERT_NEAR(y[i], truth, (static_cast<double>(width) / 16 + 10) * 0x1p-24 * std::fabs(truth));
    }
  }
}

// Two sums of width / 16 additions and a tree each; the mean's error stays below that share of the largest element.
TEST(LayerNorm, TheReferenceIsWithinTheErrorThatItsWidthAllows) {
  const auto ops = ops_backend("reference").make({.threads = 1});
  Random random(3);
  for (const int64_t width : {2, 15, 16, 17, 576, 4096}) {
    const std::vector<float> x = random.normals(width), w = random.normals(width), bias = random.normals(width);
    std::vector<float> y = poisoned(width);
    ops->run(LayerNorm{.x = x.data(), .x_stride = width, .rows = 1, .width = width, .w = w.data(), .bias = bias.data(),
                       .epsilon = 1e-5f, .y = y.data(), .y_stride = width});
    double mean = 0, squares = 0;
    for (const float value : x) mean += static_cast<double>(value) / static_cast<double>(width);
    for (const float value : x) squares += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean);
    const double norm = std::sqrt(squares / static_cast<double>(width) + 1e-5);
    for (size_t i = 0; i < y.size(); ++i) {
      const double truth = (static_cast<double>(x[i]) - mean) / norm * w[i] + bias[i];
      const double size = 5 / norm * std::fabs(w[i]) + std::fabs(bias[i]);
      ASSERT_NEAR(y[i], truth, (static_cast<double>(width) / 16 + 12) * 0x1p-23 * size) << width;
    }
  }
}

TEST(LayerNorm, TakesAWeightForEveryHead) {
  for (const OpsBackend& backend : host_backends()) {
    const std::vector<float> x = {1, -1, 1, -1, 1, -1, 1, -1}, w = {1, 1, 10, 10};  // 2 rows of 2 heads of 2
    std::vector<float> y = poisoned(8);
    backend.make({.threads = 1})->run(LayerNorm{.x = x.data(), .x_stride = 2, .rows = 4, .width = 2, .w = w.data(), .w_rows = 2,
                                   .epsilon = 0.0f, .y = y.data(), .y_stride = 2});
    EXPECT_EQ(y, (std::vector<float>{1, -1, 10, -10, 1, -1, 10, -10}));
  }
}

// A row that one rank holds whole has RmsNorm's bits.
TEST(RmsScale, OfAWholeRowEqualsRmsNorm) {
  Random random(4);
  const std::vector<float> x = random.normals(100), w = random.normals(100);
  for (const OpsBackend& backend : host_backends()) {
    const auto ops = backend.make({.threads = 1});
    std::vector<float> expected = poisoned(100), scaled = x, sums = poisoned(1);
    ops->run(RmsNorm{x.data(), 100, 1, 100, w.data(), 1e-5f, expected.data(), 100});
    ops->run(SumOfSquares{x.data(), 100, 1, 100, sums.data()});
    ops->run(RmsScale{scaled.data(), 100, 1, 100, 100, sums.data(), w.data(), 1e-5f});
    EXPECT_TRUE(same_bits(scaled, expected)) << backend.name;
  }
}

}  // namespace
}  // namespace yoke::kernels
