// Codes that only GGUF's blocks have. Its 4-bit floats are integers, twice the value, and their scales are halved instead: so code 8
// is +0 and not -0, and MXFP4's scale 255 is 2^128 and not NaN.
#pragma once

#include <bit>
#include <cstdint>

#include "core/fp8.h"

namespace yoke::kernels::format {

alignas(16) inline constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
alignas(16) inline constexpr int8_t kDoubledE2m1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// 2^(code - 128): the two lowest are subnormal.
inline float halved_e8m0(uint32_t code) {
  return std::bit_cast<float>(code < 2 ? 0x00200000u << code : (code - 1) << 23);
}

// e4m3 without a sign; 0x7F counts as 0.
inline float halved_unsigned_e4m3(uint32_t code) {
  const uint8_t magnitude = static_cast<uint8_t>(code & 0x7Fu);
  return magnitude == 0x7F ? 0.0f : 0.5f * f8_e4m3_to_f32(magnitude);
}

}  // namespace yoke::kernels::format
