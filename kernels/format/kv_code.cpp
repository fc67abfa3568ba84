#include "kernels/format/kv_code.h"

#include <cmath>
#include <limits>

namespace yoke::kernels::format {
namespace {

constexpr float kI8Largest = 127.0f;

// To the nearest integer, ties to even: above 2^23 a float has no other.
float nearest_even(float x) { return (x + 0x1.8p23f) - 0x1.8p23f; }

// Quotients may pass 127 where the scale is subnormal; a NaN becomes 0, its scale is NaN.
int8_t i8_code(float quotient) {
  if (!(std::fabs(quotient) <= kI8Largest)) return quotient > 0 ? 127 : quotient < 0 ? -127 : 0;
  return static_cast<int8_t>(nearest_even(quotient));
}

template <typename T>
void put(std::byte* codes, int64_t index, T code) {
  std::memcpy(codes + index * static_cast<int64_t>(sizeof(T)), &code, sizeof(T));
}

}  // namespace

float kv_scale(Dtype type, std::span<const float> x) {
  float largest = 0;
  bool is_nan = false;
  for (const float value : x) {
    const float magnitude = std::fabs(value);
    largest = magnitude > largest ? magnitude : largest;
    is_nan = is_nan || std::isnan(value);
  }
  if (is_nan) return std::numeric_limits<float>::quiet_NaN();
  return largest / (type == Dtype::i8 ? kI8Largest : kF8E4m3Largest);
}

void put_kv_code(Dtype type, float value, float scale, std::byte* codes, int64_t index) {
  const float quotient = scale == 0 ? 0.0f : value / scale;
  if (type == Dtype::f32) return put(codes, index, value);
  if (type == Dtype::bf16) return put(codes, index, f32_to_bf16(value));
  if (type == Dtype::f16) return put(codes, index, f32_to_f16(value));
  if (type == Dtype::i8) return put(codes, index, i8_code(quotient));
  put(codes, index, f32_to_f8_e4m3(quotient));
}

}  // namespace yoke::kernels::format
