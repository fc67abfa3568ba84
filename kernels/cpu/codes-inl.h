// Each format's codes as vectors of f32, 16 outputs a panel (kernels/packed_matrix.h states the layout). A format is a struct
// with load(codes, k, lane): the bare codes of column k of a chunk for the outputs from `lane` on. Loops over k are unrolled
// by 8, so that k % 8 is a constant to the nibble formats.
#include <hwy/highway.h>

#include "kernels/cpu/lanes-inl.h"
#include "kernels/format/panel.h"

#if defined(YOKE_KERNELS_CPU_CODES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef YOKE_KERNELS_CPU_CODES_INL
#undef YOKE_KERNELS_CPU_CODES_INL
#else
#define YOKE_KERNELS_CPU_CODES_INL
#endif

HWY_BEFORE_NAMESPACE();
namespace yoke::kernels::cpu::HWY_NAMESPACE {

template <typename T>
HWY_INLINE hn::Vec<hn::Rebind<T, Floats>> load_narrow(const std::byte* at, size_t index) {
  return hn::LoadU(hn::Rebind<T, Floats>(), reinterpret_cast<const T*>(at) + index);
}

HWY_INLINE V load_f16(const std::byte* at, size_t index) {
  return hn::PromoteTo(kFloats, load_narrow<hwy::float16_t>(at, index));
}

struct F32 {
  static constexpr Dtype kDtype = Dtype::f32;
  static HWY_INLINE V load(const std::byte* codes, size_t k, size_t lane) {
    return hn::LoadU(kFloats, reinterpret_cast<const float*>(codes) + k * kPanel + lane);
  }
};

struct F16 {
  static constexpr Dtype kDtype = Dtype::f16;
  static HWY_INLINE V load(const std::byte* codes, size_t k, size_t lane) { return load_f16(codes, k * kPanel + lane); }
};

struct Bf16 {
  static constexpr Dtype kDtype = Dtype::bf16;
  static HWY_INLINE V load(const std::byte* codes, size_t k, size_t lane) {
    const auto wide = hn::PromoteTo(Words(), load_narrow<uint16_t>(codes, k * kPanel + lane));
    return hn::BitCast(kFloats, hn::ShiftLeft<16>(wide));
  }
};

struct Q8_0 {
  static constexpr Dtype kDtype = Dtype::q8_0;
  static HWY_INLINE V load(const std::byte* codes, size_t k, size_t lane) {
    return hn::ConvertTo(kFloats, hn::PromoteTo(Ints(), load_narrow<int8_t>(codes, k * kPanel + lane)));
  }
};

HWY_INLINE hn::Vec<Words> load_words(const std::byte* codes, size_t k, size_t lane) {
  return hn::LoadU(Words(), reinterpret_cast<const uint32_t*>(codes) + k / 8 * kPanel + lane);
}

// Nibble k % 8 of the words, where it stands: worth nibble * 16^(k % 8), an integer that f32 holds exactly. The topmost one
// is shifted down instead, because it would reach the sign.
HWY_INLINE hn::Vec<Ints> nibbles_in_place(const std::byte* codes, size_t k, size_t lane) {
  const auto words = load_words(codes, k, lane);
  if (k % 8 == 7) return hn::BitCast(Ints(), hn::ShiftRight<28>(words));
  return hn::BitCast(Ints(), hn::And(words, hn::Set(Words(), 15u << (4 * (k % 8)))));
}

HWY_INLINE hn::Vec<Words> shift_down(hn::Vec<Words> words, size_t nibble) {
  switch (nibble) {
    case 0: return words;
    case 1: return hn::ShiftRight<4>(words);
    case 2: return hn::ShiftRight<8>(words);
    case 3: return hn::ShiftRight<12>(words);
    case 4: return hn::ShiftRight<16>(words);
    case 5: return hn::ShiftRight<20>(words);
    case 6: return hn::ShiftRight<24>(words);
    default: return hn::ShiftRight<28>(words);
  }
}

HWY_INLINE hn::Vec<Ints> nibbles(const std::byte* codes, size_t k, size_t lane) {
  return hn::BitCast(Ints(), hn::And(shift_down(load_words(codes, k, lane), k % 8), hn::Set(Words(), 15u)));
}

struct Q4_0 {
  static constexpr Dtype kDtype = Dtype::q4_0;
  static HWY_INLINE V load(const std::byte* codes, size_t k, size_t lane) {
    return hn::ConvertTo(kFloats, hn::Sub(nibbles(codes, k, lane), hn::Set(Ints(), 8)));
  }
};

struct Q4_1 {
  static constexpr Dtype kDtype = Dtype::q4_1;
  static HWY_INLINE V load(const std::byte* codes, size_t k, size_t lane) {
    return hn::ConvertTo(kFloats, nibbles(codes, k, lane));
  }
};

// For one row of activations the shift of each nibble is a quarter of the work. These forms leave it out and take
// activations that were divided by 16^(k % 8) beforehand (by 1 for the topmost nibble). Both factors are powers of two, so
// each product is the same real number and fma rounds it to the same bits; where the division would be inexact (x below
// 2^-98 or so) gemv takes the plain forms.
inline constexpr size_t kUnscaledNibble = 7;

struct Q4_0InPlace {
  static constexpr Dtype kDtype = Dtype::q4_0;
  static HWY_INLINE V load(const std::byte* codes, size_t k, size_t lane) {
    const int32_t eight = k % 8 == kUnscaledNibble ? 8 : 8 << (4 * (k % 8));
    return hn::ConvertTo(kFloats, hn::Sub(nibbles_in_place(codes, k, lane), hn::Set(Ints(), eight)));
  }
};

struct Q4_1InPlace {
  static constexpr Dtype kDtype = Dtype::q4_1;
  static HWY_INLINE V load(const std::byte* codes, size_t k, size_t lane) {
    return hn::ConvertTo(kFloats, nibbles_in_place(codes, k, lane));
  }
};

template <class Format>
inline constexpr bool kIsBlockFormat = info(Format::kDtype).block_elements > 1;
template <class Format>
inline constexpr bool kHasMinimum = Format::kDtype == Dtype::q4_1;

}  // namespace yoke::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
