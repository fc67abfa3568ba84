// Conversion of the small floats: OCP FP8 (e4m3 without infinities, e5m2), the power-of-two scale e8m0 of the MX formats and
// FP4 (e2m1). Written out so that no machine rounds otherwise. From them to f32 is exact.
// OCP 8-bit Floating Point Specification 1.0, OCP Microscaling Formats 1.0.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include "core/half.h"

namespace yoke {

inline constexpr float kF8E4m3Largest = 448.0f;
inline constexpr float kF8E5m2Largest = 57344.0f;

// e4m3's exponent and mantissa, read as those of an f16, are its value * 2^-8.
inline float f8_e4m3_to_f32(uint8_t code) {
  if ((code & 0x7Fu) == 0x7Fu) return std::bit_cast<float>((static_cast<uint32_t>(code & 0x80u) << 24) | 0x7FC00000u);
  return f16_to_f32(static_cast<uint16_t>(((code & 0x80u) << 8) | ((code & 0x7Fu) << 7))) * 256.0f;
}

// e5m2 is the upper half of an f16.
inline float f8_e5m2_to_f32(uint8_t code) { return f16_to_f32(static_cast<uint16_t>(code << 8)); }

// 2^(code - 127); 255 is NaN.
inline float f8_e8m0_to_f32(uint8_t code) {
  if (code == 255) return std::numeric_limits<float>::quiet_NaN();
  return std::bit_cast<float>(code == 0 ? 0x00400000u : static_cast<uint32_t>(code) << 23);  // 2^-127 is subnormal
}

// The low four bits of the code.
inline float e2m1_to_f32(uint8_t code) {
  constexpr float kValues[] = {0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f, -0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};
  return kValues[code & 15u];
}

// Round to nearest, ties to even. What is too large becomes the largest value, infinity too; a NaN stays a NaN.
inline uint8_t f32_to_f8_e4m3(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint8_t sign = static_cast<uint8_t>((bits >> 24) & 0x80u);
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<uint8_t>(sign | 0x7Fu);
  if (magnitude >= 0x43E00000u) return static_cast<uint8_t>(sign | 0x7Eu);  // 448 and above
  if (magnitude < 0x3C800000u) {  // below 2^-6: adding 2^14 leaves the multiple of 2^-9 in the mantissa, rounded
    const float shifted = std::bit_cast<float>(magnitude) + 0x1p14f;
    return static_cast<uint8_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x46800000u));
  }
  const uint32_t rounded = magnitude + 0x7FFFFu + ((magnitude >> 20) & 1u);
  return static_cast<uint8_t>(sign | ((rounded - 0x3C000000u) >> 20));
}

inline uint8_t f32_to_f8_e5m2(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint8_t sign = static_cast<uint8_t>((bits >> 24) & 0x80u);
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<uint8_t>(sign | 0x7Fu);
  if (magnitude >= 0x47600000u) return static_cast<uint8_t>(sign | 0x7Bu);  // 57344 and above
  if (magnitude < 0x38800000u) {  // below 2^-14: adding 2^7 leaves the multiple of 2^-16
    const float shifted = std::bit_cast<float>(magnitude) + 0x1p7f;
    return static_cast<uint8_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x43000000u));
  }
  const uint32_t rounded = magnitude + 0xFFFFFu + ((magnitude >> 21) & 1u);
  return static_cast<uint8_t>(sign | ((rounded - 0x38000000u) >> 21));
}

// The nearest of e2m1's values, ties to the even code; beyond 6 it is 6, and so is NaN, which e2m1 does not have.
inline uint8_t f32_to_e2m1(float value) {
  const uint8_t sign = static_cast<uint8_t>((std::bit_cast<uint32_t>(value) >> 28) & 8u);
  const float magnitude = std::bit_cast<float>(std::bit_cast<uint32_t>(value) & 0x7FFFFFFFu);
  if (magnitude <= 0.25f) return sign;
  if (magnitude < 0.75f) return static_cast<uint8_t>(sign | 1u);
  if (magnitude <= 1.25f) return static_cast<uint8_t>(sign | 2u);
  if (magnitude < 1.75f) return static_cast<uint8_t>(sign | 3u);
  if (magnitude <= 2.5f) return static_cast<uint8_t>(sign | 4u);
  if (magnitude < 3.5f) return static_cast<uint8_t>(sign | 5u);
  if (magnitude <= 5.0f) return static_cast<uint8_t>(sign | 6u);
  return static_cast<uint8_t>(sign | 7u);
}

// The power of two at or below a positive value: the floor that MX quantisers take. 0 and below 2^-127: 0; infinity and NaN: 255.
inline uint8_t f32_to_f8_e8m0(float value) {
  const uint32_t magnitude = std::bit_cast<uint32_t>(value) & 0x7FFFFFFFu;
  return static_cast<uint8_t>(magnitude >> 23);
}

}  // namespace yoke
