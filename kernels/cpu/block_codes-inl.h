// The codes and scales of every format that is decoded to values (kernels/cpu/decode.cpp), 16 outputs a panel. A format is a struct:
//   kBlock          stored columns of one unit (8 for plain types)
//   kUnitBytes      its bytes in one row
//   kSub            columns that share a step inside it; 0 where steps lie apart from the codes
//   kOffset         what a value is: code * step, (code - zero) * step or code * step - minimum
//   octet(...)      what the codes of a unit's columns 8 o .. 8 o + 7 are taken from, loaded once
//   code(octet, j)  column j of them as f32, for a vector of outputs
//   step, minimum   of sub-block `sub`
// Values and their order of operations: kernels/format/block_values.cpp.
#include <hwy/highway.h>

#include "kernels/cpu/codes-inl.h"
#include "kernels/format/panel.h"
#include "kernels/format/small_codes.h"

#if defined(YOKE_KERNELS_CPU_BLOCK_CODES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef YOKE_KERNELS_CPU_BLOCK_CODES_INL
#undef YOKE_KERNELS_CPU_BLOCK_CODES_INL
#else
#define YOKE_KERNELS_CPU_BLOCK_CODES_INL
#endif

#if HWY_TARGET != HWY_SCALAR  // which decodes by plain loops
HWY_BEFORE_NAMESPACE();
namespace yoke::kernels::cpu::HWY_NAMESPACE {

enum class Offset { none, zero, minimum };

using VInts = hn::Vec<Ints>;
using VWords = hn::Vec<Words>;

HWY_INLINE V to_float(VInts value) { return hn::ConvertTo(kFloats, value); }
HWY_INLINE VInts signed_bits(VWords value) { return hn::BitCast(Ints(), value); }
HWY_INLINE VWords masked(VWords value, uint32_t mask) { return hn::And(value, hn::Set(Words(), mask)); }

// Planes (kernels/format/panel.h): the 8 columns of octet `octet` from the lowest bit of a word on.
HWY_INLINE VWords plane_word(const std::byte* plane, size_t word, size_t lane) {
  return hn::LoadU(Words(), reinterpret_cast<const uint32_t*>(plane) + word * kPanel + lane);
}
HWY_INLINE VWords nibble_octet(const std::byte* plane, size_t octet, size_t lane) { return plane_word(plane, octet, lane); }
HWY_INLINE VWords pair_octet(const std::byte* plane, size_t octet, size_t lane) {
  return hn::ShiftRightSame(plane_word(plane, octet / 2, lane), static_cast<int>(octet % 2 * 16));
}
HWY_INLINE VWords bit_octet(const std::byte* plane, size_t octet, size_t lane) {
  return hn::ShiftRightSame(plane_word(plane, octet / 4, lane), static_cast<int>(octet % 4 * 8));
}
HWY_INLINE VWords nibble_of(VWords octet, size_t j) { return masked(shift_down(octet, j), 15u); }
HWY_INLINE VWords pair_of(VWords octet, size_t j) { return masked(hn::ShiftRightSame(octet, static_cast<int>(2 * j)), 3u); }
HWY_INLINE VWords bit_of(VWords octet, size_t j) { return masked(hn::ShiftRightSame(octet, static_cast<int>(j)), 1u); }

// Bytes of a field, one an output.
HWY_INLINE VWords byte_field(const std::byte* field, size_t index, size_t lane) {
  return hn::PromoteTo(Words(), load_narrow<uint8_t>(field, index * kPanel + lane));
}

using Halves = hn::Rebind<uint16_t, Floats>;
HWY_INLINE hn::Vec<Halves> byte_halves(const std::byte* bytes, size_t index) {
  return hn::PromoteTo(Halves(), load_narrow<uint8_t>(bytes, index));
}
HWY_INLINE V from_halves(hn::Vec<Halves> bits) {
  return hn::PromoteTo(kFloats, hn::BitCast(hn::Rebind<hwy::float16_t, Floats>(), bits));
}

// e4m3's exponent and mantissa, read as those of an f16, are its value / 256; so 0x7F and 0xFF, which are NaN, come out as +-480.
HWY_INLINE V e4m3_or_480(hn::Vec<Halves> code) {
  const auto sign = hn::ShiftLeft<8>(hn::And(code, hn::Set(Halves(), 0x80)));
  const auto magnitude = hn::ShiftLeft<7>(hn::And(code, hn::Set(Halves(), 0x7F)));
  return hn::Mul(from_halves(hn::Or(sign, magnitude)), broadcast(256.0f));
}
HWY_INLINE V from_e4m3(hn::Vec<Halves> code) {
  const V value = e4m3_or_480(code);
  const V nan = hn::BitCast(kFloats, hn::Set(Words(), 0x7FC00000u));
  return hn::IfThenElse(hn::Eq(hn::Abs(value), broadcast(480.0f)), hn::CopySign(nan, value), value);
}
HWY_INLINE V from_e5m2(hn::Vec<Halves> code) { return from_halves(hn::ShiftLeft<8>(code)); }

// 2^(code - 127): of 0 subnormal, of 255 NaN; both have the mantissa's upper bit.
HWY_INLINE V from_e8m0(VWords code) {
  const auto odd = hn::Or(hn::Eq(code, hn::Zero(Words())), hn::Eq(code, hn::Set(Words(), 255u)));
  return hn::BitCast(kFloats, hn::Or(hn::ShiftLeft<23>(code), hn::IfThenElseZero(odd, hn::Set(Words(), 0x00400000u))));
}

HWY_INLINE V from_e2m1(VWords nibble) {
  const V sign = hn::BitCast(kFloats, hn::ShiftLeft<28>(masked(nibble, 8u)));
  const VWords magnitude = masked(nibble, 7u);
  if constexpr (kLanes >= 8) {
    alignas(64) static constexpr float kTable[16] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6, 0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
    return hn::Or(hn::TableLookupLanes(hn::Load(kFloats, kTable), hn::IndicesFromVec(kFloats, magnitude)), sign);
  } else {  // as the upper bits of an f32 it is its value * 2^-126, in part a subnormal
    return hn::Or(hn::Mul(hn::BitCast(kFloats, hn::ShiftLeft<22>(magnitude)), broadcast(0x1p126f)), sign);
  }
}

// A nibble's entry in a table of 16 bytes, which every block of 128 bits holds. The index's other bytes are 0 and find what the
// shifts throw away.
HWY_INLINE V from_byte_table(const int8_t* table, VWords nibble) {
  const hn::Repartition<int8_t, Words> bytes{};
  const auto found = hn::TableLookupBytes(hn::LoadDup128(bytes, table), hn::BitCast(bytes, nibble));
  return to_float(hn::ShiftRight<24>(hn::ShiftLeft<24>(hn::BitCast(Ints(), found))));
}

// Formats whose scales lie apart: `codes` is where the panel begins.
struct NoOffset {
  static constexpr Offset kOffset = Offset::none;
};

template <class Plain>  // F32, F16, Bf16
struct PlainCodes : NoOffset {
  static constexpr size_t kBlock = 8, kSub = 0;
  static constexpr size_t kUnitBytes = 8 * static_cast<size_t>(info(Plain::kDtype).block_bytes);
  static HWY_INLINE const std::byte* octet(const std::byte* unit, size_t, size_t) { return unit; }
  static HWY_INLINE V code(const std::byte* unit, size_t j, size_t lane) { return Plain::load(unit, j, lane); }
};
struct E4m3Codes : NoOffset {
  static constexpr size_t kBlock = 8, kSub = 0, kUnitBytes = 8;
  static HWY_INLINE const std::byte* octet(const std::byte* unit, size_t, size_t) { return unit; }
  static HWY_INLINE V code(const std::byte* unit, size_t j, size_t lane) { return from_e4m3(byte_halves(unit, j * kPanel + lane)); }
};
struct E5m2Codes : NoOffset {
  static constexpr size_t kBlock = 8, kSub = 0, kUnitBytes = 8;
  static HWY_INLINE const std::byte* octet(const std::byte* unit, size_t, size_t) { return unit; }
  static HWY_INLINE V code(const std::byte* unit, size_t j, size_t lane) { return from_e5m2(byte_halves(unit, j * kPanel + lane)); }
};
struct E2m1Codes : NoOffset {
  static constexpr size_t kBlock = 8, kSub = 0, kUnitBytes = 4;
  static HWY_INLINE VWords octet(const std::byte* unit, size_t, size_t lane) { return nibble_octet(unit, 0, lane); }
  static HWY_INLINE V code(VWords octet, size_t j, size_t) { return from_e2m1(nibble_of(octet, j)); }
};
struct Int4Codes {
  static constexpr Offset kOffset = Offset::zero;
  static constexpr size_t kBlock = 8, kSub = 0, kUnitBytes = 4;
  static HWY_INLINE VWords octet(const std::byte* unit, size_t, size_t lane) { return nibble_octet(unit, 0, lane); }
  static HWY_INLINE V code(VWords octet, size_t j, size_t) { return to_float(signed_bits(nibble_of(octet, j))); }
};

// GGUF's blocks. Planes lie behind `halves` two-byte and `bytes` one-byte fields.
struct TwoPlanes {
  VWords first, second;
};

template <Dtype kCodes>
struct BlockBase {
  static constexpr size_t kBlock = static_cast<size_t>(info(kCodes).block_elements);
  static constexpr size_t kSub = static_cast<size_t>(info(kCodes).scale_elements);
  static constexpr size_t kUnitBytes = static_cast<size_t>(info(kCodes).block_bytes);
};

// d, nibbles
template <Dtype kCodes, int kBias>
struct NibbleBlock : BlockBase<kCodes>, NoOffset {
  static HWY_INLINE VWords octet(const std::byte* unit, size_t o, size_t lane) { return nibble_octet(unit + 2 * kPanel, o, lane); }
  static HWY_INLINE V code(VWords octet, size_t j, size_t) {
    return to_float(hn::Sub(signed_bits(nibble_of(octet, j)), hn::Set(Ints(), kBias)));
  }
  static HWY_INLINE V step(const std::byte* unit, size_t, size_t lane) { return load_f16(unit, lane); }
};
using Q4_0Block = NibbleBlock<Dtype::q4_0, 8>;

struct Iq4NlBlock : NibbleBlock<Dtype::iq4_nl, 0> {
  static HWY_INLINE V code(VWords octet, size_t j, size_t) { return from_byte_table(format::kIq4Values, nibble_of(octet, j)); }
};

// d, m, nibbles. m is added: taking off -m is the same operation.
struct Q4_1Block : BlockBase<Dtype::q4_1> {
  static constexpr Offset kOffset = Offset::minimum;
  static HWY_INLINE VWords octet(const std::byte* unit, size_t o, size_t lane) { return nibble_octet(unit + 4 * kPanel, o, lane); }
  static HWY_INLINE V code(VWords octet, size_t j, size_t) { return to_float(signed_bits(nibble_of(octet, j))); }
  static HWY_INLINE V step(const std::byte* unit, size_t, size_t lane) { return load_f16(unit, lane); }
  static HWY_INLINE V minimum(const std::byte* unit, size_t, size_t lane) { return hn::Neg(load_f16(unit, kPanel + lane)); }
};

struct Q8_0Block : BlockBase<Dtype::q8_0>, NoOffset {
  static HWY_INLINE const std::byte* octet(const std::byte* unit, size_t o, size_t) { return unit + (2 + 8 * o) * kPanel; }
  static HWY_INLINE V code(const std::byte* octet, size_t j, size_t lane) { return Q8_0::load(octet, j, lane); }
  static HWY_INLINE V step(const std::byte* unit, size_t, size_t lane) { return load_f16(unit, lane); }
};

// d, bits, nibbles; d, m, bits, nibbles
template <Dtype kCodes, size_t kPlanes, int kBias>
struct FiveBits : BlockBase<kCodes> {
  static HWY_INLINE TwoPlanes octet(const std::byte* unit, size_t o, size_t lane) {
    constexpr size_t kBitBytes = BlockBase<kCodes>::kBlock / 8;
    return {nibble_octet(unit + (kPlanes + kBitBytes) * kPanel, o, lane), bit_octet(unit + kPlanes * kPanel, o, lane)};
  }
  static HWY_INLINE V code(const TwoPlanes& octet, size_t j, size_t) {
    const VWords bits = hn::Or(nibble_of(octet.first, j), hn::ShiftLeft<4>(bit_of(octet.second, j)));
    return to_float(hn::Sub(signed_bits(bits), hn::Set(Ints(), kBias)));
  }
  static HWY_INLINE V step(const std::byte* unit, size_t, size_t lane) { return load_f16(unit, lane); }
};
struct Q5_0Block : FiveBits<Dtype::q5_0, 2, 16>, NoOffset {};
struct Q5_1Block : FiveBits<Dtype::q5_1, 4, 0> {
  static constexpr Offset kOffset = Offset::minimum;
  static HWY_INLINE V minimum(const std::byte* unit, size_t, size_t lane) { return hn::Neg(load_f16(unit, kPanel + lane)); }
};

// d, dmin, 12 bytes of 6-bit scales and minima
HWY_INLINE V six_bit_step(const std::byte* unit, size_t sub, size_t lane) {
  const std::byte* bytes = unit + 4 * kPanel;
  VWords scale = masked(byte_field(bytes, sub < 4 ? sub : sub + 4, lane), sub < 4 ? 63u : 15u);
  if (sub >= 4) scale = hn::Or(scale, hn::ShiftLeft<4>(hn::ShiftRight<6>(byte_field(bytes, sub - 4, lane))));
  return hn::Mul(load_f16(unit, lane), to_float(signed_bits(scale)));
}
HWY_INLINE V six_bit_minimum(const std::byte* unit, size_t sub, size_t lane) {
  const std::byte* bytes = unit + 4 * kPanel;
  VWords minimum = byte_field(bytes, sub + 4, lane);
  if (sub < 4) {
    minimum = masked(minimum, 63u);
  } else {
    minimum = hn::Or(hn::ShiftRight<4>(minimum), hn::ShiftLeft<4>(hn::ShiftRight<6>(byte_field(bytes, sub, lane))));
  }
  return hn::Mul(load_f16(unit, kPanel + lane), to_float(signed_bits(minimum)));
}

struct Q4_KBlock : BlockBase<Dtype::q4_k> {
  static constexpr Offset kOffset = Offset::minimum;
  static HWY_INLINE VWords octet(const std::byte* unit, size_t o, size_t lane) { return nibble_octet(unit + 16 * kPanel, o, lane); }
  static HWY_INLINE V code(VWords octet, size_t j, size_t) { return to_float(signed_bits(nibble_of(octet, j))); }
  static HWY_INLINE V step(const std::byte* unit, size_t sub, size_t lane) { return six_bit_step(unit, sub, lane); }
  static HWY_INLINE V minimum(const std::byte* unit, size_t sub, size_t lane) { return six_bit_minimum(unit, sub, lane); }
};
struct Q5_KBlock : FiveBits<Dtype::q5_k, 16, 0> {
  static constexpr Offset kOffset = Offset::minimum;
  static HWY_INLINE V step(const std::byte* unit, size_t sub, size_t lane) { return six_bit_step(unit, sub, lane); }
  static HWY_INLINE V minimum(const std::byte* unit, size_t sub, size_t lane) { return six_bit_minimum(unit, sub, lane); }
};

// d, dmin, 16 bytes: scale low, minimum high; pairs
struct Q2_KBlock : BlockBase<Dtype::q2_k> {
  static constexpr Offset kOffset = Offset::minimum;
  static HWY_INLINE VWords octet(const std::byte* unit, size_t o, size_t lane) { return pair_octet(unit + 20 * kPanel, o, lane); }
  static HWY_INLINE V code(VWords octet, size_t j, size_t) { return to_float(signed_bits(pair_of(octet, j))); }
  static HWY_INLINE V step(const std::byte* unit, size_t sub, size_t lane) {
    const VWords scale = masked(byte_field(unit + 4 * kPanel, sub, lane), 15u);
    return hn::Mul(load_f16(unit, lane), to_float(signed_bits(scale)));
  }
  static HWY_INLINE V minimum(const std::byte* unit, size_t sub, size_t lane) {
    const VWords minimum = hn::ShiftRight<4>(byte_field(unit + 4 * kPanel, sub, lane));
    return hn::Mul(load_f16(unit, kPanel + lane), to_float(signed_bits(minimum)));
  }
};

// d, 12 bytes of 6-bit scales, bits, pairs: a missing bit takes 4 off
struct Q3_KBlock : BlockBase<Dtype::q3_k>, NoOffset {
  static HWY_INLINE TwoPlanes octet(const std::byte* unit, size_t o, size_t lane) {
    return {pair_octet(unit + 46 * kPanel, o, lane), bit_octet(unit + 14 * kPanel, o, lane)};
  }
  static HWY_INLINE V code(const TwoPlanes& octet, size_t j, size_t) {
    const VWords bits = hn::Or(pair_of(octet.first, j), hn::ShiftLeft<2>(bit_of(octet.second, j)));
    return to_float(hn::Sub(signed_bits(bits), hn::Set(Ints(), 4)));
  }
  static HWY_INLINE V step(const std::byte* unit, size_t sub, size_t lane) {
    const std::byte* bytes = unit + 2 * kPanel;
    const VWords both = byte_field(bytes, sub % 8, lane);
    const VWords low = sub < 8 ? masked(both, 15u) : hn::ShiftRight<4>(both);
    const VWords high = masked(hn::ShiftRightSame(byte_field(bytes, 8 + sub % 4, lane), static_cast<int>(2 * (sub / 4))), 3u);
    const VInts scale = hn::Sub(signed_bits(hn::Or(low, hn::ShiftLeft<4>(high))), hn::Set(Ints(), 32));
    return hn::Mul(load_f16(unit, lane), to_float(scale));
  }
};

// d, 16 signed scales, pairs, nibbles
struct Q6_KBlock : BlockBase<Dtype::q6_k>, NoOffset {
  static HWY_INLINE TwoPlanes octet(const std::byte* unit, size_t o, size_t lane) {
    return {nibble_octet(unit + 82 * kPanel, o, lane), pair_octet(unit + 18 * kPanel, o, lane)};
  }
  static HWY_INLINE V code(const TwoPlanes& octet, size_t j, size_t) {
    const VWords bits = hn::Or(nibble_of(octet.first, j), hn::ShiftLeft<4>(pair_of(octet.second, j)));
    return to_float(hn::Sub(signed_bits(bits), hn::Set(Ints(), 32)));
  }
  static HWY_INLINE V step(const std::byte* unit, size_t sub, size_t lane) {
    const auto scale = hn::PromoteTo(Ints(), load_narrow<int8_t>(unit + 2 * kPanel, sub * kPanel + lane));
    return hn::Mul(load_f16(unit, lane), to_float(scale));
  }
};

// d, scales_h, 4 bytes of scales_l, nibbles
struct Iq4XsBlock : BlockBase<Dtype::iq4_xs>, NoOffset {
  static HWY_INLINE VWords octet(const std::byte* unit, size_t o, size_t lane) { return nibble_octet(unit + 8 * kPanel, o, lane); }
  static HWY_INLINE V code(VWords octet, size_t j, size_t) { return from_byte_table(format::kIq4Values, nibble_of(octet, j)); }
  static HWY_INLINE V step(const std::byte* unit, size_t sub, size_t lane) {
    const VWords both = byte_field(unit + 4 * kPanel, sub / 2, lane);
    const VWords low = sub % 2 == 0 ? masked(both, 15u) : hn::ShiftRight<4>(both);
    const VWords highs = hn::PromoteTo(Words(), load_narrow<uint16_t>(unit, kPanel + lane));
    const VWords high = masked(hn::ShiftRightSame(highs, static_cast<int>(2 * sub)), 3u);
    const VInts scale = hn::Sub(signed_bits(hn::Or(low, hn::ShiftLeft<4>(high))), hn::Set(Ints(), 32));
    return hn::Mul(load_f16(unit, lane), to_float(scale));
  }
};

// Scale bytes, nibbles: twice the code times half the scale.
template <Dtype kCodes, size_t kScaleBytes>
struct DoubledE2m1 : BlockBase<kCodes>, NoOffset {
  static HWY_INLINE VWords octet(const std::byte* unit, size_t o, size_t lane) {
    return nibble_octet(unit + kScaleBytes * kPanel, o, lane);
  }
  static HWY_INLINE V code(VWords octet, size_t j, size_t) { return from_byte_table(format::kDoubledE2m1, nibble_of(octet, j)); }
};
struct Mxfp4Block : DoubledE2m1<Dtype::mxfp4, 1> {
  static HWY_INLINE V step(const std::byte* unit, size_t, size_t lane) {  // 2^(code - 128), the two lowest subnormal
    const VWords code = byte_field(unit, 0, lane);
    const VWords normal = hn::ShiftLeft<23>(hn::Sub(code, hn::Set(Words(), 1u)));
    const VWords subnormal = hn::ShiftLeft<21>(hn::Add(code, hn::Set(Words(), 1u)));
    const auto lowest = hn::Eq(hn::ShiftRight<1>(code), hn::Zero(Words()));
    return hn::BitCast(kFloats, hn::IfThenElse(lowest, subnormal, normal));
  }
};
struct Nvfp4Block : DoubledE2m1<Dtype::nvfp4, 4> {
  static HWY_INLINE V step(const std::byte* unit, size_t sub, size_t lane) {
    const auto magnitude = hn::And(byte_halves(unit, sub * kPanel + lane), hn::Set(Halves(), 0x7F));
    const V value = e4m3_or_480(magnitude);
    return hn::Mul(hn::IfThenZeroElse(hn::Eq(value, broadcast(480.0f)), value), broadcast(0.5f));
  }
};

}  // namespace yoke::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
#endif
