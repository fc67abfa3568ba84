#include "tests/emulator/ptx/number_formats.h"

#include <bit>
#include <cmath>
#include <limits>

namespace yoke::emulator {
namespace {

struct Format {
  int mantissa;       // stored bits
  int min_exponent;   // of the least normal number
  uint32_t max;       // code of the greatest finite value
  uint32_t infinity;  // 0: has none
  uint32_t nan;
  uint32_t sign;
};
constexpr Format kF16{10, -14, 0x7bff, 0x7c00, 0x7fff, 0x8000};
constexpr Format kBf16{7, -126, 0x7f7f, 0x7f80, 0x7fff, 0x8000};
constexpr Format kE4m3{3, -6, 0x7e, 0, 0x7f, 0x80};
constexpr Format kE5m2{2, -14, 0x7b, 0x7c, 0x7f, 0x80};
constexpr Format kE2m1{1, 0, 0x7, 0, 0x7, 0x8};

bool rounds_up(uint64_t kept, uint64_t rest, uint64_t half, bool negative, Rounding rounding) {
  switch (rounding) {
    case Rounding::nearest_even:
      return rest > half || (rest == half && (kept & 1) != 0);
    case Rounding::to_zero:
      return false;
    case Rounding::down:
      return rest != 0 && negative;
    case Rounding::up:
      return rest != 0 && !negative;
  }
  return false;
}

uint32_t overflowed(const Format& f, bool negative, bool was_infinite, Rounding rounding, Overflow overflow) {
  if (overflow == Overflow::saturate || f.infinity == 0) return f.max;
  const bool away = rounding == Rounding::nearest_even || (rounding == Rounding::up && !negative) ||
                    (rounding == Rounding::down && negative);
  return was_infinite || away ? f.infinity : f.max;
}

uint32_t encode(const Format& f, double value, Rounding rounding, Overflow overflow) {
  if (std::isnan(value)) return f.nan;
  const uint64_t bits = std::bit_cast<uint64_t>(value);
  const bool negative = bits >> 63 != 0;
  const uint32_t sign = negative ? f.sign : 0;
  if (std::isinf(value)) return sign | overflowed(f, negative, true, rounding, overflow);
  if (value == 0) return sign;

  const int biased = static_cast<int>(bits >> 52 & 0x7ff);
  const uint64_t fraction = bits & ((uint64_t{1} << 52) - 1);
  const uint64_t significand = biased == 0 ? fraction : fraction | uint64_t{1} << 52;
  const int exponent = biased == 0 ? -1022 : biased - 1023;
  const int unit = exponent < f.min_exponent ? f.min_exponent : exponent;  // the result's exponent before rounding
  const int drop = 52 - f.mantissa + (unit - exponent);        // bits of the significand below the result's last
  uint64_t kept = 0, rest = significand, half = ~uint64_t{0};  // all is less than half a unit
  if (drop <= 54) {
    kept = significand >> drop;
    rest = significand & ((uint64_t{1} << drop) - 1);
    half = uint64_t{1} << (drop - 1);
  }
  if (rounds_up(kept, rest, half, negative, rounding)) ++kept;
  const uint64_t code = kept + (static_cast<uint64_t>(unit - f.min_exponent) << f.mantissa);
  return sign | (code > f.max ? overflowed(f, negative, false, rounding, overflow) : static_cast<uint32_t>(code));
}

// Of a small format whose top exponent is like every other.
float decode(const Format& f, uint32_t code) {
  const uint32_t magnitude = code & (f.sign - 1);
  const uint32_t biased = magnitude >> f.mantissa;
  const uint32_t fraction = magnitude & ((1u << f.mantissa) - 1);
  const uint32_t significand = biased == 0 ? fraction : fraction | 1u << f.mantissa;
  const int exponent = f.min_exponent - f.mantissa + (biased == 0 ? 0 : static_cast<int>(biased) - 1);
  const float value = std::ldexp(static_cast<float>(significand), exponent);
  return (code & f.sign) != 0 ? -value : value;
}

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// a * b + c to odd: rounded to double so that one more rounding, to at least two bits less, is the only one that
// counts. The product is exact in double.
double fma_to_odd(double a, double b, double c) {
  const double product = a * b;
  const double sum = product + c;
  if (!std::isfinite(sum)) return sum;
  const double of_c = sum - product;
  const double error = (product - (sum - of_c)) + (c - of_c);
  const uint64_t bits = std::bit_cast<uint64_t>(sum);
  if (error == 0 || (bits & 1) != 0) return sum;
  const bool outwards = (error > 0) == (sum > 0);
  return std::bit_cast<double>(outwards ? bits + 1 : bits - 1);
}

}  // namespace

float f16_to_f32(uint16_t code) {
  const uint32_t sign = static_cast<uint32_t>(code & 0x8000) << 16;
  const uint32_t magnitude = code & 0x7fffu;
  if (magnitude >= 0x7c00) return std::bit_cast<float>(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
  if (magnitude >= 0x400) return std::bit_cast<float>(sign | ((magnitude << 13) + (112u << 23)));
  const float value = static_cast<float>(magnitude) * 0x1p-24f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(value));
}

float bf16_to_f32(uint16_t code) {
  return std::bit_cast<float>(static_cast<uint32_t>(code) << 16);
}

float e4m3_to_f32(uint8_t code) {
  return (code & 0x7f) == 0x7f ? kNan : decode(kE4m3, code);
}

float e5m2_to_f32(uint8_t code) {
  return f16_to_f32(static_cast<uint16_t>(code << 8));
}

float e2m1_to_f32(uint8_t code) {
  return decode(kE2m1, code & 0xf);
}

float ue8m0_to_f32(uint8_t code) {
  return code == 0xff ? kNan : std::ldexp(1.0f, static_cast<int>(code) - 127);
}

float ue4m3_to_f32(uint8_t code) {
  return code >= 0x7f ? kNan : decode(kE4m3, code);
}

uint16_t f32_to_f16(float value, Rounding rounding, Overflow overflow) {
  return f64_to_f16(value, rounding, overflow);
}

uint16_t f32_to_bf16(float value, Rounding rounding, Overflow overflow) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const bool plain = rounding == Rounding::nearest_even && overflow == Overflow::infinity;
  if (!plain || std::isnan(value)) return f64_to_bf16(value, rounding, overflow);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

uint16_t f64_to_f16(double value, Rounding rounding, Overflow overflow) {
  return static_cast<uint16_t>(encode(kF16, value, rounding, overflow));
}
uint16_t f64_to_bf16(double value, Rounding rounding, Overflow overflow) {
  return static_cast<uint16_t>(encode(kBf16, value, rounding, overflow));
}

uint8_t f32_to_e4m3(float value) {
  return static_cast<uint8_t>(encode(kE4m3, value, Rounding::nearest_even, Overflow::saturate));
}
uint8_t f32_to_e5m2(float value) {
  return static_cast<uint8_t>(encode(kE5m2, value, Rounding::nearest_even, Overflow::saturate));
}
uint8_t f32_to_e2m1(float value) {
  return static_cast<uint8_t>(encode(kE2m1, value, Rounding::nearest_even, Overflow::saturate));
}

uint8_t f32_to_ue8m0(float value, Rounding rounding) {
  if (std::isnan(value)) return 0xff;
  if (value == 0) return 0;
  if (std::isinf(value)) return 0xfe;
  int exponent;  // |value| = f * 2^exponent with f in [1/2, 1)
  const float f = std::frexp(std::abs(value), &exponent);
  int power = exponent - 1;
  if (rounding == Rounding::up && f != 0.5f) ++power;
  const int code = power + 127;
  return static_cast<uint8_t>(code < 0 ? 0 : code > 0xfe ? 0xfe : code);
}

uint16_t f16_fma(uint16_t a, uint16_t b, uint16_t c) {
  return f64_to_f16(fma_to_odd(f16_to_f32(a), f16_to_f32(b), f16_to_f32(c)));
}
uint16_t bf16_fma(uint16_t a, uint16_t b, uint16_t c) {
  return f64_to_bf16(fma_to_odd(bf16_to_f32(a), bf16_to_f32(b), bf16_to_f32(c)));
}

uint16_t f32_to_e4m3x2(float a, float b) {
  return static_cast<uint16_t>(f32_to_e4m3(a) << 8 | f32_to_e4m3(b));
}
uint16_t f32_to_e5m2x2(float a, float b) {
  return static_cast<uint16_t>(f32_to_e5m2(a) << 8 | f32_to_e5m2(b));
}
uint8_t f32_to_e2m1x2(float a, float b) {
  return static_cast<uint8_t>(f32_to_e2m1(a) << 4 | f32_to_e2m1(b));
}

uint32_t e4m3x2_to_f16x2(uint16_t codes) {
  const float low = e4m3_to_f32(static_cast<uint8_t>(codes)), high = e4m3_to_f32(static_cast<uint8_t>(codes >> 8));
  return pack_halves(f32_to_f16(low), f32_to_f16(high));
}
uint32_t e5m2x2_to_f16x2(uint16_t codes) {
  const float low = e5m2_to_f32(static_cast<uint8_t>(codes)), high = e5m2_to_f32(static_cast<uint8_t>(codes >> 8));
  return pack_halves(f32_to_f16(low), f32_to_f16(high));
}
uint32_t e2m1x2_to_f16x2(uint8_t codes) {
  return pack_halves(f32_to_f16(e2m1_to_f32(codes & 0xf)), f32_to_f16(e2m1_to_f32(codes >> 4)));
}

}  // namespace yoke::emulator
