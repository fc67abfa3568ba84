// The values of GGUF's blocks. Formulas: the dequantize_row functions of ggml-quants.c in ggml-org/llama.cpp, in f32 and without fma.
#include <array>
#include <bit>
#include <cstring>

#include "core/error.h"
#include "core/fp8.h"
#include "core/half.h"
#include "kernels/format/panel.h"
#include "kernels/format/small_codes.h"
#include "kernels/format/values.h"

namespace yoke::kernels::format {
namespace {

// A unit's fields by their place (kernels/format/panel.h).
class Unit {
 public:
  Unit(Dtype codes, const std::byte* at) : fields_(unit_fields(codes)), at_(at) {}

  float half(size_t i) const { return f16_to_f32(bits16(i)); }
  uint32_t bits16(size_t i) const { return load<uint16_t>(2 * i); }
  uint32_t byte(size_t i) const { return std::to_integer<uint32_t>(at_[2 * static_cast<size_t>(fields_.halves) + i]); }
  // Column k of a plane whose first word is `word`.
  int nibble(size_t word, size_t k) const { return static_cast<int>(this->word(word + k / 8) >> (k % 8 * 4) & 15u); }
  int pair(size_t word, size_t k) const { return static_cast<int>(this->word(word + k / 16) >> (k % 16 * 2) & 3u); }
  int bit(size_t word, size_t k) const { return static_cast<int>(this->word(word + k / 32) >> (k % 32) & 1u); }

 private:
  uint32_t word(size_t i) const {
    return load<uint32_t>(static_cast<size_t>(2 * fields_.halves + fields_.bytes) + sizeof(uint32_t) * i);
  }
  template <typename T>
  T load(size_t offset) const {
    T value;
    std::memcpy(&value, at_ + offset, sizeof(T));
    return value;
  }

  UnitFields fields_;
  const std::byte* at_;
};

// Eight scales and eight minima of 6 bits in 12 bytes: the first four of each in the low bits of bytes 0-3 and 4-7; the others
// have their low nibbles in bytes 8-11 and their two high bits on top of the first.
uint32_t six_bit_scale(const Unit& u, size_t sub) {
  return sub < 4 ? u.byte(sub) & 63u : (u.byte(sub + 4) & 15u) | u.byte(sub - 4) >> 6 << 4;
}
uint32_t six_bit_minimum(const Unit& u, size_t sub) {
  return sub < 4 ? u.byte(sub + 4) & 63u : u.byte(sub + 4) >> 4 | u.byte(sub) >> 6 << 4;
}

// Sixteen scales of 6 bits in 12 bytes: low nibbles in bytes 0-7, high pairs in bytes 8-11.
int q3_k_scale(const Unit& u, size_t sub) {
  const uint32_t low = sub < 8 ? u.byte(sub) & 15u : u.byte(sub - 8) >> 4;
  return static_cast<int>(low | (u.byte(8 + sub % 4) >> (2 * (sub / 4)) & 3u) << 4) - 32;
}

int iq4_xs_scale(const Unit& u, size_t sub) {
  const uint32_t low = u.byte(sub / 2) >> (4 * (sub % 2)) & 15u;
  return static_cast<int>(low | (u.bits16(1) >> (2 * sub) & 3u) << 4) - 32;
}

float two_step(const Unit& u, uint32_t scale, uint32_t minimum, int code) {
  const float product = u.half(0) * static_cast<float>(scale) * static_cast<float>(code);
  return product - u.half(1) * static_cast<float>(minimum);
}

float scaled(const Unit& u, int scale, int code) { return u.half(0) * static_cast<float>(scale) * static_cast<float>(code); }

}  // namespace

float block_value(Dtype codes, const std::byte* unit, size_t k) {
  const Unit u(codes, unit);
  switch (codes) {
    case Dtype::q8_0: return u.half(0) * static_cast<float>(static_cast<int8_t>(u.byte(k)));
    case Dtype::q4_0: return u.half(0) * static_cast<float>(u.nibble(0, k) - 8);
    case Dtype::q4_1: return u.half(0) * static_cast<float>(u.nibble(0, k)) + u.half(1);
    case Dtype::q5_0: return u.half(0) * static_cast<float>((u.nibble(1, k) | u.bit(0, k) << 4) - 16);
    case Dtype::q5_1: return u.half(0) * static_cast<float>(u.nibble(1, k) | u.bit(0, k) << 4) + u.half(1);
    case Dtype::q2_k: return two_step(u, u.byte(k / 16) & 15u, u.byte(k / 16) >> 4, u.pair(0, k));
    case Dtype::q3_k: return scaled(u, q3_k_scale(u, k / 16), u.pair(8, k) + 4 * u.bit(0, k) - 4);
    case Dtype::q4_k: return two_step(u, six_bit_scale(u, k / 32), six_bit_minimum(u, k / 32), u.nibble(0, k));
    case Dtype::q5_k:
      return two_step(u, six_bit_scale(u, k / 32), six_bit_minimum(u, k / 32), u.nibble(8, k) | u.bit(0, k) << 4);
    case Dtype::q6_k: return scaled(u, static_cast<int8_t>(u.byte(k / 16)), (u.nibble(16, k) | u.pair(0, k) << 4) - 32);
    case Dtype::iq4_nl: return u.half(0) * static_cast<float>(kIq4Values[static_cast<size_t>(u.nibble(0, k))]);
    case Dtype::iq4_xs: return scaled(u, iq4_xs_scale(u, k / 32), kIq4Values[static_cast<size_t>(u.nibble(0, k))]);
    case Dtype::mxfp4: return halved_e8m0(u.byte(0)) * static_cast<float>(kDoubledE2m1[static_cast<size_t>(u.nibble(0, k))]);
    case Dtype::nvfp4:
      return halved_unsigned_e4m3(u.byte(k / 16)) * static_cast<float>(kDoubledE2m1[static_cast<size_t>(u.nibble(0, k))]);
    default: break;
  }
  assertion_failed("one of GGUF's blocks", __FILE__, __LINE__);
}

}  // namespace yoke::kernels::format
