#include "tests/emulator/ptx/number_formats.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace yoke::emulator {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// What rounding means, by search: the finite values of a format, ascending, one for each code of a positive number.
template <class Decode>
std::vector<long double> magnitudes(Decode decode, uint32_t last) {
  std::vector<long double> values;
  for (uint32_t code = 0; code <= last; ++code) values.push_back(decode(code));
  return values;
}

uint32_t nearest(const std::vector<long double>& values, long double magnitude) {
  const auto above = std::lower_bound(values.begin(), values.end(), magnitude);
  if (above == values.begin()) return 0;
  if (above == values.end()) return static_cast<uint32_t>(values.size() - 1);
  const uint32_t high = static_cast<uint32_t>(above - values.begin()), low = high - 1;
  const long double up = values[high] - magnitude, down = magnitude - values[low];
  if (up != down) return up < down ? high : low;
  return high % 2 == 0 ? high : low;
}

std::vector<float> samples(const std::vector<long double>& values, uint64_t seed) {
  std::vector<float> all;
  for (size_t i = 0; i + 1 < values.size(); i += 1 + values.size() / 3000) {
    const float low = static_cast<float>(values[i]), middle = static_cast<float>((values[i] + values[i + 1]) / 2);
    for (const float x : {low, middle, std::nextafter(middle, 0.0f), std::nextafter(middle, 1e30f)})
      all.insert(all.end(), {x, -x});
  }
  std::mt19937 random(static_cast<uint32_t>(seed));
  for (int i = 0; i < 20000; ++i) {
    const float x = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (std::isfinite(x)) all.push_back(x);
  }
  return all;
}

TEST(NumberFormats, SmallFormatsRoundToTheNearestOfAllTheirValuesAndSaturate) {
  const auto e2m1 = magnitudes([](uint32_t c) { return e2m1_to_f32(static_cast<uint8_t>(c)); }, 7);
  const auto e4m3 = magnitudes([](uint32_t c) { return e4m3_to_f32(static_cast<uint8_t>(c)); }, 0x7e);
  const auto e5m2 = magnitudes([](uint32_t c) { return e5m2_to_f32(static_cast<uint8_t>(c)); }, 0x7b);
  EXPECT_EQ(e2m1, (std::vector<long double>{0, 0.5, 1, 1.5, 2, 3, 4, 6}));
  EXPECT_EQ(e4m3.back(), 448);
  EXPECT_EQ(e4m3[1], 0x1p-9);
  EXPECT_EQ(e5m2.back(), 57344);
  for (const float x : samples(e2m1, 1))
    EXPECT_EQ(f32_to_e2m1(x), (std::signbit(x) ? 8u : 0u) | nearest(e2m1, std::abs(x))) << x;
  for (const float x : samples(e4m3, 2))
    EXPECT_EQ(f32_to_e4m3(x), (std::signbit(x) ? 0x80u : 0u) | nearest(e4m3, std::abs(x))) << x;
  for (const float x : samples(e5m2, 3))
    EXPECT_EQ(f32_to_e5m2(x), (std::signbit(x) ? 0x80u : 0u) | nearest(e5m2, std::abs(x))) << x;
}

TEST(NumberFormats, TiesOfE2m1GoToTheEvenCode) {
  const float ties[][2] = {{0.25f, 0}, {0.75f, 1}, {1.25f, 1}, {1.75f, 2}, {2.5f, 2},
                           {3.5f, 4},  {5, 4},     {-5, -4},   {100, 6}};
  for (const auto& [tie, rounded] : ties) EXPECT_EQ(e2m1_to_f32(f32_to_e2m1(tie)), rounded) << tie;
}

TEST(NumberFormats, HalvesRoundAsTheirModeSays) {
  const auto f16 = magnitudes([](uint32_t c) { return f16_to_f32(static_cast<uint16_t>(c)); }, 0x7bff);
  const auto bf16 = magnitudes([](uint32_t c) { return bf16_to_f32(static_cast<uint16_t>(c)); }, 0x7f7f);
  for (const auto& [values, is_f16] : {std::pair{f16, true}, std::pair{bf16, false}}) {
    const auto encode = [&, is = is_f16](float x, Rounding mode) {
      return is ? f32_to_f16(x, mode) : f32_to_bf16(x, mode);
    };
    const auto decode = [&, is = is_f16](uint16_t code) { return is ? f16_to_f32(code) : bf16_to_f32(code); };
    for (const float x : samples(values, 4)) {
      if (std::abs(x) > values.back()) continue;
      const uint16_t code = encode(x, Rounding::nearest_even);
      EXPECT_EQ(code, (std::signbit(x) ? 0x8000u : 0u) | nearest(values, std::abs(x))) << x;
      const float zero = decode(encode(x, Rounding::to_zero)), down = decode(encode(x, Rounding::down)),
                  up = decode(encode(x, Rounding::up));
      EXPECT_LE(std::abs(zero), std::abs(x));
      EXPECT_LE(down, x);
      EXPECT_GE(up, x);
      EXPECT_EQ(zero, x > 0 ? down : up);
      if (decode(code) == x) {
        EXPECT_EQ(down, up);
      }
    }
  }
}

TEST(NumberFormats, OverflowOfHalves) {
  EXPECT_EQ(f32_to_f16(65519.9f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520), 0x7c00);
  EXPECT_EQ(f32_to_f16(65520, Rounding::to_zero), 0x7bff);
  EXPECT_EQ(f32_to_f16(-1e9f, Rounding::up), 0xfbff);
  EXPECT_EQ(f32_to_f16(-1e9f, Rounding::down), 0xfc00);
  EXPECT_EQ(f32_to_f16(1e9f, Rounding::nearest_even, Overflow::saturate), 0x7bff);
  EXPECT_EQ(f32_to_f16(std::numeric_limits<float>::infinity(), Rounding::to_zero), 0x7c00);
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(f64_to_bf16(-kInfinity, Rounding::nearest_even, Overflow::saturate), 0xff7f);
  for (const float nan : {std::bit_cast<float>(0x7f800001), std::bit_cast<float>(0xffffffff)}) {
    EXPECT_EQ(f32_to_f16(nan), 0x7fff);
    EXPECT_EQ(f32_to_bf16(nan), 0x7fff);
    EXPECT_EQ(f32_to_e4m3(nan), 0x7f);
    EXPECT_EQ(f32_to_e2m1(nan), 0x7);
    EXPECT_EQ(f32_to_ue8m0(nan, Rounding::up), 0xff);
  }
}

TEST(NumberFormats, EveryHalfComesBack) {
  for (uint32_t code = 0; code < 0x10000; ++code) {
    const uint16_t half = static_cast<uint16_t>(code);
    if ((code & 0x7fff) <= 0x7c00) {
      ASSERT_EQ(f32_to_f16(f16_to_f32(half)), half);
    } else {
      ASSERT_TRUE(std::isnan(f16_to_f32(half)));
    }
    if ((code & 0x7fff) <= 0x7f80) {
      ASSERT_EQ(f32_to_bf16(bf16_to_f32(half)), half);
    } else {
      ASSERT_TRUE(std::isnan(bf16_to_f32(half)));
    }
  }
}

TEST(NumberFormats, ScalesArePowersOfTwoOrSevenBits) {
  for (uint32_t code = 0; code < 0xff; ++code) {
    const uint8_t byte = static_cast<uint8_t>(code);
    const float value = ue8m0_to_f32(byte);
    EXPECT_EQ(value, std::ldexp(1.0f, static_cast<int>(code) - 127));
    EXPECT_EQ(f32_to_ue8m0(value, Rounding::to_zero), code);
    EXPECT_EQ(f32_to_ue8m0(value, Rounding::up), code);
    if (code > 0) {
      EXPECT_EQ(f32_to_ue8m0(value * 1.25f, Rounding::to_zero), code);
    }
    if (code > 0) {
      EXPECT_EQ(f32_to_ue8m0(value * 1.25f, Rounding::up), std::min(code + 1, 0xfeu));
    }
  }
  EXPECT_TRUE(std::isnan(ue8m0_to_f32(0xff)));
  EXPECT_TRUE(std::isnan(ue4m3_to_f32(0x7f)));
  EXPECT_TRUE(std::isnan(ue4m3_to_f32(0x80)));
  EXPECT_EQ(ue4m3_to_f32(0x38), 1);
}

// a * b + c of f16 fits in 64 bits, a long double's on x86-64 and less than AArch64's.
TEST(NumberFormats, F16FmaRoundsOnce) {
  const auto values = magnitudes([](uint32_t c) { return f16_to_f32(static_cast<uint16_t>(c)); }, 0x7bff);
  std::mt19937 random(5);
  int twice_differs = 0;
  for (int i = 0; i < 300000; ++i) {
    const auto code = [&] { return static_cast<uint16_t>(random() & (i % 2 == 0 ? 0xbfffu : 0xffffu)); };
    const uint16_t a = code(), b = code(), c = code();
    const long double exact = static_cast<long double>(f16_to_f32(a)) * f16_to_f32(b) + f16_to_f32(c);
    if (!std::isfinite(exact) || std::abs(exact) >= 65520) continue;
    ASSERT_EQ(f16_fma(a, b, c) & 0x7fffu, nearest(values, std::abs(exact))) << a << ' ' << b << ' ' << c;
    if (exact != 0) {
      ASSERT_EQ(f16_fma(a, b, c) >> 15, std::signbit(exact) ? 1 : 0);
    }
    const float rounded = f16_to_f32(a) * f16_to_f32(b) + f16_to_f32(c);
    twice_differs += f32_to_f16(rounded) != f16_fma(a, b, c);
  }
  EXPECT_GT(twice_differs, 0);  // else the samples show nothing
}

TEST(NumberFormats, Bf16FmaRoundsOnce) {
  // 1 + 2^-8 is a tie; the addend decides it from far below double's last bit.
  const uint16_t tie_a = f32_to_bf16(0x1.02p0f), one = 0x3f80, half_unit = f32_to_bf16(0x1p-8f);
  EXPECT_EQ(bf16_fma(one, one, half_unit), one);
  EXPECT_EQ(bf16_fma(tie_a, one, half_unit), f32_to_bf16(0x1.04p0f));
  const uint16_t odd = f32_to_bf16(0x1.82p0f);  // 1.82p0 * 1.82p0 = 2.47...: rounds alike once or twice
  EXPECT_EQ(bf16_fma(odd, odd, f32_to_bf16(0x1p-100f)), f32_to_bf16(0x1.82p0f * 0x1.82p0f));
  const uint16_t below = f32_to_bf16(-0x1p-120f);
  EXPECT_EQ(bf16_to_f32(bf16_fma(f32_to_bf16(0x1.01p0f), one, below)), 1.0f);  // 0x1.01p0 itself rounds to 1 as bf16
  EXPECT_EQ(bf16_fma(0x7f80, one, below), 0x7f80);
  EXPECT_EQ(bf16_fma(0x7f80, 0, below), 0x7fff);
}

TEST(NumberFormats, TheFirstOperandOfAPairGoesHigh) {
  EXPECT_EQ(f32_to_e2m1x2(6, -0.5f), 0x79);
  EXPECT_EQ(f32_to_e4m3x2(1, -2), 0x38c0);
  EXPECT_EQ(f32_to_e5m2x2(1, -2), 0x3cc0);
  EXPECT_EQ(pack_halves(1, 2), 0x20001u);
  EXPECT_EQ(e2m1x2_to_f16x2(0x79), pack_halves(f32_to_f16(-0.5f), f32_to_f16(6)));
  EXPECT_EQ(e4m3x2_to_f16x2(0x38c0), pack_halves(f32_to_f16(-2), f32_to_f16(1)));
  EXPECT_EQ(e5m2x2_to_f16x2(0x3cc0), pack_halves(f32_to_f16(-2), f32_to_f16(1)));
}

}  // namespace
}  // namespace yoke::emulator
