#include "kernels/elementary.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

namespace yoke::kernels {
namespace {

// Distance of `got` from the true value in units of the last place of an f32 there.
double ulps(float got, double truth) {
  const float nearest = static_cast<float>(truth);
  const float next = std::nextafter(std::fabs(nearest), std::numeric_limits<float>::infinity());
  const double ulp = static_cast<double>(next) - std::fabs(static_cast<double>(nearest));
  return std::fabs(static_cast<double>(got) - truth) / ulp;
}

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(Elementary, ExpIsWithinTwoUlpOverItsRange) {
  for (int i = 0; i <= 400'000; ++i) {
    const float x = -103.9f + 192.6f * static_cast<float>(i) / 400'000.0f;
    ASSERT_LE(ulps(exp_f32(x), std::exp(static_cast<double>(x))), 2.0) << "x = " << x;
  }
}

TEST(Elementary, ExpSaturatesAtItsEnds) {
  EXPECT_EQ(exp_f32(0.0f), 1.0f);
  EXPECT_EQ(exp_f32(-0.0f), 1.0f);
  EXPECT_EQ(exp_f32(88.73f), kInf);
  EXPECT_EQ(exp_f32(kInf), kInf);
  EXPECT_EQ(exp_f32(-104.0f), 0.0f);
  EXPECT_EQ(exp_f32(-kInf), 0.0f);
  EXPECT_TRUE(std::isnan(exp_f32(kNan)));
}

TEST(Elementary, LogIsWithinTwoUlpForEveryMagnitude) {
  std::mt19937 random(7);
  for (int i = 0; i < 400'000; ++i) {
    const uint32_t bits = std::uniform_int_distribution<uint32_t>(1, 0x7F7FFFFF)(random);
    const float x = std::bit_cast<float>(bits);
    ASSERT_LE(ulps(log_f32(x), std::log(static_cast<double>(x))), 2.0) << "x = " << x;
  }
  for (int i = 1; i < 200'000; ++i) {  // close to 1, where the result is small
    const float x = 0.5f + static_cast<float>(i) / 100'000.0f;
    ASSERT_LE(ulps(log_f32(x), std::log(static_cast<double>(x))), 2.0) << "x = " << x;
  }
  EXPECT_EQ(log_f32(1.0f), 0.0f);
  EXPECT_EQ(log_f32(0.0f), -kInf);
  EXPECT_EQ(log_f32(kInf), kInf);
  EXPECT_TRUE(std::isnan(log_f32(-1.0f)));
  EXPECT_TRUE(std::isnan(log_f32(kNan)));
}

// The whole range and, close to 0, every magnitude.
void expect_two_ulp(float (*function)(float), double (*truth)(double), float range) {
  for (int i = 0; i <= 400'000; ++i) {
    const float x = range * static_cast<float>(i - 200'000) / 200'000.0f;
    ASSERT_LE(ulps(function(x), truth(x)), 2.0) << "x = " << x;
  }
  for (float x = 1.0f; x > 1e-38f; x *= 0.97f) ASSERT_LE(ulps(function(x), truth(x)), 2.0) << "x = " << x;
}

TEST(Elementary, TanhIsWithinTwoUlpAndOddAndSaturates) {
  expect_two_ulp(tanh_f32, std::tanh, 10.0f);
  for (const float x : {10.0f, 50.0f, 1e30f, kInf}) EXPECT_EQ(tanh_f32(x), 1.0f);
  for (const float x : {1e-20f, 0.3f, 0.62499999f, 0.625f, 3.0f, kInf}) EXPECT_EQ(tanh_f32(-x), -tanh_f32(x));
  EXPECT_TRUE(std::signbit(tanh_f32(-0.0f)));
  EXPECT_TRUE(std::isnan(tanh_f32(kNan)));
}

TEST(Elementary, ErfIsWithinTwoUlpAndOddAndSaturates) {
  expect_two_ulp(erf_f32, std::erf, 4.5f);
  for (const float x : {4.0f, 50.0f, 1e30f, kInf}) EXPECT_EQ(erf_f32(x), 1.0f);
  for (const float x : {1e-20f, 0.3f, 0.87499999f, 0.875f, 3.0f, kInf}) EXPECT_EQ(erf_f32(-x), -erf_f32(x));
  EXPECT_TRUE(std::signbit(erf_f32(-0.0f)));
  EXPECT_TRUE(std::isnan(erf_f32(kNan)));
}

TEST(Elementary, SineAndCosineAreRightForEveryAngleOfAContext) {
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> angle(-0x1p24, 0x1p24);
  for (int i = 0; i < 200'000; ++i) {
    const double x = i % 2 == 0 ? angle(random) : angle(random) * 0x1p-22;
    ASSERT_NEAR(sin_f64(x), std::sin(x), 1e-12) << "x = " << x;
    ASSERT_NEAR(cos_f64(x), std::cos(x), 1e-12) << "x = " << x;
  }
  EXPECT_EQ(sin_f64(0.0), 0.0);
  EXPECT_EQ(cos_f64(0.0), 1.0);
}

TEST(Elementary, PowExpAndLogInDoubleKeepTheirBound) {
  std::mt19937_64 random(13);
  for (int i = 0; i < 100'000; ++i) {
    const double base = std::exp(std::uniform_real_distribution<double>(-20, 20)(random));
    const double exponent = std::uniform_real_distribution<double>(-14, 14)(random);
    const double truth = std::pow(base, exponent);
    ASSERT_NEAR(pow_f64(base, exponent) / truth, 1.0, 1e-13) << base << " ^ " << exponent;
    const double x = std::uniform_real_distribution<double>(-700, 700)(random);
    ASSERT_NEAR(exp_f64(x) / std::exp(x), 1.0, 1e-14) << x;
    ASSERT_NEAR(log_f64(base), std::log(base), 1e-14 * std::max(1.0, std::fabs(std::log(base)))) << base;
  }
  EXPECT_EQ(pow_f64(10000.0, 0.0), 1.0);
}

// A change of these values is a change of the contract of bits.
TEST(Elementary, BitsAreThoseThatWereRecorded) {
  EXPECT_EQ(std::bit_cast<uint32_t>(exp_f32(1.0f)), 0x402DF854u);
  EXPECT_EQ(std::bit_cast<uint32_t>(exp_f32(-0.7f)), 0x3EFE406Eu);
  EXPECT_EQ(std::bit_cast<uint32_t>(log_f32(10.0f)), 0x40135D8Eu);
  EXPECT_EQ(std::bit_cast<uint32_t>(tanh_f32(0.5f)), 0x3EEC9A9Fu);
  EXPECT_EQ(std::bit_cast<uint32_t>(tanh_f32(1.5f)), 0x3F67B7CCu);
  EXPECT_EQ(std::bit_cast<uint32_t>(erf_f32(0.5f)), 0x3F053F7Bu);
  EXPECT_EQ(std::bit_cast<uint32_t>(erf_f32(1.5f)), 0x3F7752ABu);
}

}  // namespace
}  // namespace yoke::kernels
