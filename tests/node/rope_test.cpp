// Rotary embedding's angles against their formulas in double precision.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "node/forward/rope.h"

namespace yoke::node::forward {
namespace {

TEST(Rope, FrequenciesFallByPowersOfTheta) {
  const std::vector<float> f = rope_frequencies({.theta = 10000, .dims = 64}, nullptr);
  ASSERT_EQ(f.size(), 32u);
  EXPECT_EQ(f[0], 1.0f);
  for (size_t i = 0; i < f.size(); ++i) EXPECT_FLOAT_EQ(f[i], static_cast<float>(std::pow(10000.0, -static_cast<double>(i) / 32)));
}

TEST(Rope, LinearScalingDividesEveryFrequency) {
  const std::vector<float> plain = rope_frequencies({.theta = 10000, .dims = 32}, nullptr);
  const std::vector<float> scaled = rope_frequencies({.theta = 10000, .dims = 32, .scaling = model::RopeScaling::linear, .factor = 4}, nullptr);
  for (size_t i = 0; i < plain.size(); ++i) EXPECT_FLOAT_EQ(scaled[i], plain[i] / 4);
}

TEST(Rope, Llama3ScalingKeepsShortWavesDividesLongOnesAndMixesBetween) {
  const model::Rope rope{.theta = 500000, .dims = 128, .scaling = model::RopeScaling::llama3, .factor = 8, .low_freq_factor = 1,
                         .high_freq_factor = 4, .original_context = 8192};
  const std::vector<float> plain = rope_frequencies({.theta = 500000, .dims = 128}, nullptr);
  const std::vector<float> scaled = rope_frequencies(rope, nullptr);
  int kept = 0, divided = 0, mixed = 0;
  for (size_t i = 0; i < plain.size(); ++i) {
    const double wavelength = 2 * std::numbers::pi / plain[i];
    if (wavelength < 8192.0 / 4) {
      ++kept;
      EXPECT_EQ(scaled[i], plain[i]);
    } else if (wavelength > 8192.0) {
      ++divided;
      EXPECT_FLOAT_EQ(scaled[i], plain[i] / 8);
    } else {
      const double smooth = (8192.0 / wavelength - 1) / 3;
      ++mixed;
      EXPECT_FLOAT_EQ(scaled[i], static_cast<float>(plain[i] * ((1 - smooth) / 8 + smooth)));
    }
  }
  EXPECT_GT(kept, 0);
  EXPECT_GT(divided, 0);
  EXPECT_GT(mixed, 0);
}

TEST(Rope, AFrequencyTensorDivides) {
  const std::vector<float> divisors{1, 2, 4, 8};
  const std::vector<float> plain = rope_frequencies({.theta = 100, .dims = 8}, nullptr), scaled = rope_frequencies({.theta = 100, .dims = 8}, divisors.data());
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(scaled[i], plain[i] / divisors[i]);
}

TEST(Rope, AnglesAreThoseOfEachRowsPosition) {
  const std::vector<float> f = rope_frequencies({.theta = 10000, .dims = 16}, nullptr);
  const std::vector<int64_t> positions{0, 1, 77, 131071, 4};
  std::vector<float> cos(positions.size() * f.size()), sin(cos.size());
  rope_angles(f, positions, 1.0f, cos.data(), sin.data());
  for (size_t row = 0; row < positions.size(); ++row) {
    for (size_t i = 0; i < f.size(); ++i) {
      const double angle = static_cast<float>(positions[row]) * f[i];
      EXPECT_FLOAT_EQ(cos[row * f.size() + i], static_cast<float>(std::cos(angle)));
      EXPECT_FLOAT_EQ(sin[row * f.size() + i], static_cast<float>(std::sin(angle)));
    }
  }
}

// Qwen3's and gpt-oss's: pairs that turn often within the original context stay, those that turn less than once are divided.
TEST(Rope, YarnKeepsFastPairsDividesSlowOnesAndRampsBetween) {
  const model::Rope rope{.theta = 150000, .dims = 64, .scaling = model::RopeScaling::yarn, .factor = 32, .beta_fast = 32, .beta_slow = 1,
                         .truncate = false, .original_context = 4096};
  const std::vector<float> plain = rope_frequencies({.theta = 150000, .dims = 64}, nullptr);
  const std::vector<float> scaled = rope_frequencies(rope, nullptr);
  const auto pair = [&](double turns) { return 64 * std::log(4096 / (turns * 2 * std::numbers::pi)) / (2 * std::log(150000.0)); };
  for (size_t i = 0; i < plain.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - pair(32)) / (pair(1) - pair(32)), 0.0, 1.0);
    EXPECT_NEAR(scaled[i], plain[i] * (1 - ramp) + plain[i] / 32 * ramp, 1e-7 * plain[i]) << i;
  }
  EXPECT_EQ(scaled.front(), plain.front());
  EXPECT_FLOAT_EQ(scaled.back(), plain.back() / 32);
}

TEST(Rope, YarnRoundsItsRampToWholePairsUnlessToldNotTo) {
  model::Rope rope{.theta = 10000, .dims = 64, .scaling = model::RopeScaling::yarn, .factor = 4, .original_context = 2048};
  const std::vector<float> rounded = rope_frequencies(rope, nullptr);
  rope.truncate = false;
  EXPECT_NE(rounded, rope_frequencies(rope, nullptr));
}

TEST(Rope, AnglesAreMultipliedByTheAttentionFactor) {
  const std::vector<float> f = rope_frequencies({.theta = 10000, .dims = 16}, nullptr);
  const std::vector<int64_t> positions = {0, 7};
  std::vector<float> cos(16), sin(16), cos2(16), sin2(16);
  rope_angles(f, positions, 1.0f, cos.data(), sin.data());
  rope_angles(f, positions, 1.25f, cos2.data(), sin2.data());
  for (size_t i = 0; i < cos.size(); ++i) {
    EXPECT_EQ(cos2[i], cos[i] * 1.25f);
    EXPECT_EQ(sin2[i], sin[i] * 1.25f);
  }
}

}  // namespace
}  // namespace yoke::node::forward
