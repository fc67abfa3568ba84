// cvt to and from pairs of f16, bf16, fp8 and fp4, and tf32. Of two sources the first goes to the high half.
#include <array>
#include <cmath>

#include "tests/emulator/ptx/forms.h"
#include "tests/emulator/ptx/lanes.h"
#include "tests/emulator/ptx/number_formats.h"

namespace yoke::emulator {
namespace {

float relu(float value) { return value < 0 || (value == 0 && std::signbit(value)) ? 0.0f : value; }

template <Rounding R, Overflow O>
uint16_t to_f16(float value) { return f32_to_f16(value, R, O); }
template <Rounding R, Overflow O>
uint16_t to_bf16(float value) { return f32_to_bf16(value, R, O); }

template <uint16_t (*F)(float), bool positive>
uint32_t pair_of(float a, float b) {
  return pack_halves(F(positive ? relu(b) : b), F(positive ? relu(a) : a));
}
template <auto F, bool positive>
uint32_t small_pair_of(float a, float b) { return positive ? F(relu(a), relu(b)) : F(a, b); }

template <auto F>
uint32_t small_from_f16x2(uint32_t a) { return F(f16_to_f32(high_half(a)), f16_to_f32(low_half(a))); }
template <auto F>
uint32_t small_from_bf16x2(uint32_t a) { return F(bf16_to_f32(high_half(a)), bf16_to_f32(low_half(a))); }

template <auto F, class Code, bool positive>
uint32_t unpack(uint32_t a) {
  uint32_t result = F(static_cast<Code>(a));
  if (positive) {
    if ((result & 0x8000) && (result & 0x7fff) <= 0x7c00) result &= 0xffff0000;
    if ((result & 0x80000000) && (result & 0x7fff0000) <= 0x7c000000) result &= 0xffff;
  }
  return result;
}

constexpr uint32_t quick_bf16x2(uint32_t a, uint32_t b) { return nearest_bf16(a) << 16 | nearest_bf16(b); }

// f16 of every code.
template <auto F, class Code>
struct Table {
  static constexpr bool kPairs = sizeof(Code) == 2;  // of 8-bit codes; else of nibbles in one byte
  std::array<uint32_t, 256> values;
  Table() {
    for (uint32_t code = 0; code < 256; ++code) values[code] = kPairs ? F(static_cast<Code>(code)) & 0xffff : F(static_cast<Code>(code));
  }
};
template <auto F, class Code>
void quick_unpack(Warp& w, const Instruction& i, uint32_t mask) {
  static const Table<F, Code> table;
  const auto* values = table.values.data();
  uint32_t* d = w.row<uint32_t>(i.op[0]);
  const uint32_t* a = w.row<uint32_t>(i.op[1]);
  for_lanes(mask, [&](uint32_t lane) {
    d[lane] = sizeof(Code) == 2 ? values[a[lane] >> 8 & 0xff] << 16 | values[a[lane] & 0xff] : values[a[lane] & 0xff];
  });
}

template <Rounding R>
uint32_t ue8m0_pair(float a, float b) { return uint32_t{f32_to_ue8m0(a, R)} << 8 | f32_to_ue8m0(b, R); }
template <Rounding R>
uint32_t ue8m0_from_bf16x2(uint32_t a) { return ue8m0_pair<R>(bf16_to_f32(high_half(a)), bf16_to_f32(low_half(a))); }
uint32_t bf16x2_from_ue8m0(uint32_t a) {
  return pack_halves(f32_to_bf16(ue8m0_to_f32(static_cast<uint8_t>(a))), f32_to_bf16(ue8m0_to_f32(static_cast<uint8_t>(a >> 8))));
}

// tf32 keeps 10 bits of the mantissa. away: ties away from zero (.rna), else to even (.rn) or cut (.rz).
enum class Tie { away, even, cut };
template <Tie T>
uint32_t to_tf32(uint32_t a) {
  if ((a & 0x7fffffff) > 0x7f800000) return 0x7fffffff;
  if ((a & 0x7f800000) == 0x7f800000 || T == Tie::cut) return a & ~0x1fffu;
  return (a + (T == Tie::away ? 0x1000u : 0xfffu + (a >> 13 & 1))) & ~0x1fffu;
}

template <auto F>
void two(Forms& forms, const std::string& opcode) { forms.add(opcode, "daa", apply2<F, uint32_t, float, float>); }
template <auto F>
void one(Forms& forms, const std::string& opcode) { forms.add(opcode, "da", apply1<F, uint32_t, uint32_t>); }

template <Rounding R>
void add_pairs(Forms& forms, const std::string& rounding) {
  two<pair_of<to_f16<R, Overflow::infinity>, false>>(forms, "cvt." + rounding + ".f16x2.f32");
  two<pair_of<to_f16<R, Overflow::infinity>, true>>(forms, "cvt." + rounding + ".relu.f16x2.f32");
  two<pair_of<to_f16<R, Overflow::saturate>, false>>(forms, "cvt." + rounding + ".satfinite.f16x2.f32");
  two<pair_of<to_f16<R, Overflow::saturate>, true>>(forms, "cvt." + rounding + ".relu.satfinite.f16x2.f32");
  two<pair_of<to_bf16<R, Overflow::infinity>, false>>(forms, "cvt." + rounding + ".bf16x2.f32");
  two<pair_of<to_bf16<R, Overflow::infinity>, true>>(forms, "cvt." + rounding + ".relu.bf16x2.f32");
  two<pair_of<to_bf16<R, Overflow::saturate>, false>>(forms, "cvt." + rounding + ".satfinite.bf16x2.f32");
  two<pair_of<to_bf16<R, Overflow::saturate>, true>>(forms, "cvt." + rounding + ".relu.satfinite.bf16x2.f32");
}

template <auto Pack, auto Unpack, class Code>
void add_small(Forms& forms, const std::string& type) {
  two<small_pair_of<Pack, false>>(forms, "cvt.rn.satfinite." + type + ".f32");
  two<small_pair_of<Pack, true>>(forms, "cvt.rn.satfinite.relu." + type + ".f32");
  one<small_from_f16x2<Pack>>(forms, "cvt.rn.satfinite." + type + ".f16x2");
  one<small_from_bf16x2<Pack>>(forms, "cvt.rn.satfinite." + type + ".bf16x2");
  forms.add("cvt.rn.f16x2." + type, "da", quick_unpack<Unpack, Code>);
  one<unpack<Unpack, Code, true>>(forms, "cvt.rn.relu.f16x2." + type);
}

}  // namespace

void add_narrow_convert_forms(Forms& forms) {
  forms.add("cvt.rn.bf16x2.f32", "daa", apply2<quick_bf16x2, uint32_t, uint32_t, uint32_t>);  // before the general one
  add_pairs<Rounding::nearest_even>(forms, "rn");
  add_pairs<Rounding::to_zero>(forms, "rz");
  add_small<f32_to_e4m3x2, e4m3x2_to_f16x2, uint16_t>(forms, "e4m3x2");
  add_small<f32_to_e5m2x2, e5m2x2_to_f16x2, uint16_t>(forms, "e5m2x2");
  add_small<f32_to_e2m1x2, e2m1x2_to_f16x2, uint8_t>(forms, "e2m1x2");
  two<ue8m0_pair<Rounding::to_zero>>(forms, "cvt.rz.satfinite.ue8m0x2.f32");
  two<ue8m0_pair<Rounding::up>>(forms, "cvt.rp.satfinite.ue8m0x2.f32");
  two<ue8m0_pair<Rounding::to_zero>>(forms, "cvt.rz.ue8m0x2.f32");
  two<ue8m0_pair<Rounding::up>>(forms, "cvt.rp.ue8m0x2.f32");
  one<ue8m0_from_bf16x2<Rounding::to_zero>>(forms, "cvt.rz.satfinite.ue8m0x2.bf16x2");
  one<ue8m0_from_bf16x2<Rounding::up>>(forms, "cvt.rp.satfinite.ue8m0x2.bf16x2");
  one<bf16x2_from_ue8m0>(forms, "cvt.rn.bf16x2.ue8m0x2");
  one<to_tf32<Tie::away>>(forms, "cvt.rna.tf32.f32");
  one<to_tf32<Tie::even>>(forms, "cvt.rn.tf32.f32");
  one<to_tf32<Tie::cut>>(forms, "cvt.rz.tf32.f32");
}

}  // namespace yoke::emulator
