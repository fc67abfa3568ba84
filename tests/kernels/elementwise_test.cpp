#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/elementary.h"
#include "tests/kernels/equal_bits.h"
#include "tests/kernels/random_ops.h"

namespace yoke::kernels {
namespace {

using namespace testing;

TEST(RotaryEmbedding, IsEqualInEveryBitOnEveryInstructionSet) { expect_equal_bits(200, run_rotary_embedding); }
TEST(SwiGlu, IsEqualInEveryBitOnEveryInstructionSet) { expect_equal_bits(100, run_swiglu); }
TEST(ClampedSwiGlu, IsEqualInEveryBitOnEveryInstructionSet) { expect_equal_bits(100, run_clamped_swiglu); }
TEST(GeluTanhAndScale, AreEqualInEveryBitOnEveryInstructionSet) { expect_equal_bits(200, run_in_place); }
TEST(GatherRowsAndScatterAdd, AreEqualInEveryBitOnEveryInstructionSet) { expect_equal_bits(200, run_rows); }
TEST(ResidualAdd, IsEqualInEveryBitOnEveryInstructionSet) { expect_equal_bits(200, run_residual_add); }

TEST(Elementary, ExpOfManyIsEqualInEveryBitToExpOfOneOnEveryInstructionSet) {
  for_seeds(20, [&](uint64_t seed) {
    Random random(seed);
    std::vector<float> x = random.normals(random.between(0, 3000), 40.0f);
    for (size_t i = 0; i < x.size(); i += 50) x[i] = random.chance(50) ? 1e30f : -std::numeric_limits<float>::infinity();
    const float shift = random.normal(10.0f);
    std::vector<float> expected;
    for (const float value : x) expected.push_back(exp_f32(value - shift));
    for_targets([&](const std::string&) {
      std::vector<float> y = poisoned(static_cast<int64_t>(x.size()));
      exp_f32(x, shift, y);
      EXPECT_TRUE(same_bits(y, expected));
    });
  });
}

TEST(RotaryEmbedding, TurnsEachPairByItsAngle) {
  for (const bool neighbours : {false, true}) {
    for (const OpsBackend& backend : host_backends()) {
      std::vector<float> x = {1, 2, 3, 4};
      const std::vector<float> cos = {0, 1}, sin = {1, 0};  // a quarter turn, and none
      backend.make({.threads = 1})->run(RotaryEmbedding{x.data(), 4, 1, 1, 4, 4, cos.data(), sin.data(), neighbours});
      EXPECT_EQ(x, neighbours ? (std::vector<float>{-2, 1, 3, 4}) : (std::vector<float>{-3, 2, 1, 4}));
    }
  }
}

TEST(RotaryEmbedding, LeavesWhatLiesBehindItsElementsAlone) {
  for (const OpsBackend& backend : host_backends()) {
    std::vector<float> x = {1, 2, 30, 3, 4, 40};  // two heads of three, of which two turn
    const std::vector<float> cos = {0}, sin = {1};
    backend.make({.threads = 1})->run(RotaryEmbedding{x.data(), 6, 1, 2, 3, 2, cos.data(), sin.data(), false});
    EXPECT_EQ(x, (std::vector<float>{-2, 1, 30, -4, 3, 40}));
  }
}

TEST(ClampedSwiGlu, ClampsAsTheFormulaInDoubleDoes) {
  const std::vector<float> gate = {-100, -7.5f, -1, 0, 3, 7, 8, 100}, up = {-100, -7, -1, 0, 3, 7, 8, 100};
  for (const OpsBackend& backend : host_backends()) {
    std::vector<float> y = poisoned(8);
    backend.make({.threads = 1})->run(ClampedSwiGlu{gate.data(), up.data(), 1, 8, 8, 1.702f, 7.0f, y.data()});
    for (size_t i = 0; i < y.size(); ++i) {
      const double g = std::min<double>(gate[i], 7), u = std::clamp<double>(up[i], -7, 7);
      const double truth = g / (1 + std::exp(-static_cast<double>(1.702f) * g)) * (u + 1);
      EXPECT_NEAR(y[i], truth, 1e-6 * std::fabs(truth) + 1e-30) << gate[i];
    }
  }
}

// 1 + erf is off by 2 ulp of 1 where erf is close to -1.
TEST(Gelu, IsTheExactOneWithErf) {
  for (const OpsBackend& backend : host_backends()) {
    std::vector<float> x;
    for (int i = -600; i <= 600; ++i) x.push_back(static_cast<float>(i) * 0.01f);
    std::vector<float> y = x;
    backend.make({.threads = 1})->run(Gelu{y.data(), static_cast<int64_t>(y.size())});
    for (size_t i = 0; i < x.size(); ++i) {
      const double truth = 0.5 * static_cast<double>(x[i]) * (1 + std::erf(static_cast<double>(x[i]) / std::sqrt(2.0)));
      ASSERT_NEAR(y[i], truth, 4 * 0x1p-24 * std::fabs(x[i])) << x[i];
    }
  }
}

TEST(ScatterAdd, AddsInAscendingOrder) {
  for (const OpsBackend& backend : host_backends()) {
    const std::vector<float> x = {0x1p24f, 0x1p24f, 1, 1, -0x1p24f, -0x1p24f}, weights = {1, 1, 1};
    const std::vector<int32_t> to = {0, 0, 0};
    std::vector<float> y = {0, 0};
    backend.make({.threads = 1})->run(ScatterAdd{x.data(), 2, to, weights, y.data()});
    EXPECT_EQ(y, (std::vector<float>{0, 0}));  // the 1 vanished against 2^24 before that was taken away
  }
}

TEST(SwiGlu, SaturatesWithoutNan) {
  const std::vector<float> gate = {-200, -90, 0, 90, 200}, up = {1, 1, 1, 1, 1};
  for (const OpsBackend& backend : host_backends()) {
    std::vector<float> y = poisoned(5);
    backend.make({.threads = 1})->run(SwiGlu{gate.data(), up.data(), 1, 5, 5, y.data()});
    EXPECT_EQ(y[2], 0.0f);
    EXPECT_EQ(y[3], 90.0f);
    EXPECT_EQ(y[4], 200.0f);
    EXPECT_LE(std::fabs(y[0]) + std::fabs(y[1]), 1e-30f);
  }
}

TEST(ResidualAdd, AddsTheHalvesFirst) {
  for (const OpsBackend& backend : host_backends()) {
    std::vector<float> x(20, 1.0f);
    const std::vector<float> h0(20, 0x1p-24f), h1(20, 0x1p-24f);  // each alone would vanish against 1
    backend.make({.threads = 1})->run(ResidualAdd{x.data(), h0.data(), h1.data(), 20});
    EXPECT_EQ(x, std::vector<float>(20, 1.0f + 0x1p-23f));
  }
}

}  // namespace
}  // namespace yoke::kernels
