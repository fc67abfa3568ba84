// The number formats of PTX as plain functions: small floats to and from f32 with PTX's rounding modes, and f16
// arithmetic that rounds once. Codes are right-aligned in their integer. No state; any thread.
//
//   f16 s5.10   bf16 s8.7   e5m2 s5.2 (has infinities)   e4m3 s4.3 (0x7f, 0xff: NaN; no infinity)   e2m1 s2.1 (neither)
//   ue4m3: e4m3 whose top bit is 0, a scale   ue8m0: 2^(code - 127), 0xff: NaN, a scale
// Pack orders: of `cvt.*x2 d, a, b` the operand a goes to the high half (e2m1x2: high nibble); of `mov.b32 d, {a, b}`
// to the low one.
#pragma once

#include <cstdint>

namespace yoke::emulator {

// PTX: .rn, .rz, .rm, .rp.
enum class Rounding : uint8_t { nearest_even, to_zero, down, up };

// What a format does with a magnitude above its greatest after rounding. `infinity`: what IEEE says for the rounding
// mode. `saturate`: .satfinite, the greatest finite value, NaN stays NaN (e2m1 has none: NaN becomes the greatest
// positive value).
enum class Overflow : uint8_t { infinity, saturate };

float f16_to_f32(uint16_t code);
float bf16_to_f32(uint16_t code);
float e4m3_to_f32(uint8_t code);
float e5m2_to_f32(uint8_t code);
float e2m1_to_f32(uint8_t code);   // of the low four bits
float ue8m0_to_f32(uint8_t code);  // 2^-127 is subnormal
float ue4m3_to_f32(uint8_t code);  // as e4m3; NaN where the top bit is set

// NaN becomes the format's canonical one: f16 and bf16 0x7fff, e4m3 0x7f, e5m2 0x7f.
uint16_t f32_to_f16(float value, Rounding rounding = Rounding::nearest_even, Overflow overflow = Overflow::infinity);
uint16_t f32_to_bf16(float value, Rounding rounding = Rounding::nearest_even, Overflow overflow = Overflow::infinity);
// PTX has these three only as .rn.satfinite.
uint8_t f32_to_e4m3(float value);
uint8_t f32_to_e5m2(float value);
uint8_t f32_to_e2m1(float value);
// .rz or .rp, saturating; the sign is not looked at. NaN: 0xff.
uint8_t f32_to_ue8m0(float value, Rounding rounding);

// The same from a double, rounded once: for results that are exact there (a sum or product of two f16 or bf16, an f64).
uint16_t f64_to_f16(double value, Rounding rounding = Rounding::nearest_even, Overflow overflow = Overflow::infinity);
uint16_t f64_to_bf16(double value, Rounding rounding = Rounding::nearest_even, Overflow overflow = Overflow::infinity);

// a * b + c rounded once to nearest even. Subnormals are kept.
uint16_t f16_fma(uint16_t a, uint16_t b, uint16_t c);
uint16_t bf16_fma(uint16_t a, uint16_t b, uint16_t c);

// Two f16 (bf16, nibbles of a byte) side by side.
constexpr uint32_t pack_halves(uint16_t low, uint16_t high) {
  return static_cast<uint32_t>(high) << 16 | low;
}
constexpr uint16_t low_half(uint32_t pair) {
  return static_cast<uint16_t>(pair);
}
constexpr uint16_t high_half(uint32_t pair) {
  return static_cast<uint16_t>(pair >> 16);
}
// Results of cvt.rn.satfinite.{e4m3x2,e5m2x2,e2m1x2}.f32 d, a, b.
uint16_t f32_to_e4m3x2(float a, float b);
uint16_t f32_to_e5m2x2(float a, float b);
uint8_t f32_to_e2m1x2(float a, float b);
// Results of cvt.rn.f16x2.{e4m3x2,e5m2x2,e2m1x2}: two f16 in the order of the codes.
uint32_t e4m3x2_to_f16x2(uint16_t codes);
uint32_t e5m2x2_to_f16x2(uint16_t codes);
uint32_t e2m1x2_to_f16x2(uint8_t codes);

}  // namespace yoke::emulator
