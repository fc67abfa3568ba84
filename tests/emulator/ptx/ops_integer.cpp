// Integer arithmetic.
#include <limits>

#include "tests/emulator/ptx/forms.h"
#include "tests/emulator/ptx/lanes.h"

namespace yoke::emulator {
namespace {

// Wide enough that nothing promotes to a signed int.
template <class T>
using Wrap = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
template <class T>
using Twice = std::conditional_t<
    sizeof(T) == 2, std::conditional_t<std::is_signed_v<T>, int32_t, uint32_t>,
    std::conditional_t<sizeof(T) == 4, std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>,
                       std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>>>;

template <class T>
constexpr T add(T a, T b) { return static_cast<T>(Wrap<T>(a) + Wrap<T>(b)); }
template <class T>
constexpr T sub(T a, T b) { return static_cast<T>(Wrap<T>(a) - Wrap<T>(b)); }
template <class T>
constexpr T mul_lo(T a, T b) { return static_cast<T>(Wrap<T>(a) * Wrap<T>(b)); }
template <class T>
constexpr T mul_hi(T a, T b) { return static_cast<T>(static_cast<Twice<T>>(a) * static_cast<Twice<T>>(b) >> (8 * sizeof(T))); }
template <class T>
constexpr Twice<T> mul_wide(T a, T b) { return static_cast<Twice<T>>(a) * static_cast<Twice<T>>(b); }
template <class T>
constexpr T mad_lo(T a, T b, T c) { return add(mul_lo(a, b), c); }
template <class T>
constexpr T mad_hi(T a, T b, T c) { return add(mul_hi(a, b), c); }
template <class T>
constexpr Twice<T> mad_wide(T a, T b, Twice<T> c) { return add(mul_wide(a, b), c); }
template <class T>
constexpr T saturating(int64_t value) {
  return static_cast<T>(std::min<int64_t>(std::max<int64_t>(value, std::numeric_limits<T>::min()), std::numeric_limits<T>::max()));
}
constexpr int32_t add_sat(int32_t a, int32_t b) { return saturating<int32_t>(int64_t{a} + b); }
constexpr int32_t sub_sat(int32_t a, int32_t b) { return saturating<int32_t>(int64_t{a} - b); }
// By zero: all bits set, as the hardware gives; the ISA leaves it open.
template <class T>
constexpr T divide(T a, T b) {
  if (b == 0) return static_cast<T>(~Wrap<T>{0});
  if constexpr (std::is_signed_v<T>) {
    if (b == -1) return sub<T>(0, a);
  }
  return static_cast<T>(a / b);
}
template <class T>
constexpr T remainder(T a, T b) {
  if (b == 0) return a;
  if constexpr (std::is_signed_v<T>) {
    if (b == -1) return 0;
  }
  return static_cast<T>(a % b);
}
template <class T>
constexpr T least(T a, T b) { return b < a ? b : a; }
template <class T>
constexpr T greatest(T a, T b) { return a < b ? b : a; }
template <class T>
constexpr T negate(T a) { return sub<T>(0, a); }
template <class T>
constexpr T absolute(T a) { return a < 0 ? negate(a) : a; }
template <class T>
constexpr T sad(T a, T b, T c) { return add(c, a < b ? sub(b, a) : sub(a, b)); }
template <class T>
constexpr T mul24(T a, T b) {
  if constexpr (std::is_signed_v<T>) return mul_lo<T>(static_cast<T>(Wrap<T>(a) << 8) >> 8, static_cast<T>(Wrap<T>(b) << 8) >> 8);
  else return mul_lo<T>(a & 0xffffff, b & 0xffffff);
}
template <class T>
constexpr T mad24(T a, T b, T c) { return add(mul24(a, b), c); }

template <class T>
void add_type(Forms& forms, const std::string& type) {
  const std::string d = letter<T>('d'), a = letter<T>('a');
  forms.add("add." + type, d + a + a, apply2<add<T>, T, T, T>);
  forms.add("sub." + type, d + a + a, apply2<sub<T>, T, T, T>);
  forms.add("mul.lo." + type, d + a + a, apply2<mul_lo<T>, T, T, T>);
  forms.add("mul.hi." + type, d + a + a, apply2<mul_hi<T>, T, T, T>);
  forms.add("mad.lo." + type, d + a + a + a, apply3<mad_lo<T>, T, T, T, T>);
  forms.add("mad.hi." + type, d + a + a + a, apply3<mad_hi<T>, T, T, T, T>);
  forms.add("div." + type, d + a + a, apply2<divide<T>, T, T, T>);
  forms.add("rem." + type, d + a + a, apply2<remainder<T>, T, T, T>);
  forms.add("min." + type, d + a + a, apply2<least<T>, T, T, T>);
  forms.add("max." + type, d + a + a, apply2<greatest<T>, T, T, T>);
  forms.add("sad." + type, d + a + a + a, apply3<sad<T>, T, T, T, T>);
  if constexpr (sizeof(T) < 8) {
    const std::string wide_d = letter<Twice<T>>('d'), wide_a = letter<Twice<T>>('a');
    forms.add("mul.wide." + type, wide_d + a + a, apply2<mul_wide<T>, Twice<T>, T, T>);
    forms.add("mad.wide." + type, wide_d + a + a + wide_a, apply3<mad_wide<T>, Twice<T>, T, T, Twice<T>>);
  }
  if constexpr (sizeof(T) == 4) {
    forms.add("mul24.lo." + type, "daa", apply2<mul24<T>, T, T, T>);
    forms.add("mad24.lo." + type, "daaa", apply3<mad24<T>, T, T, T, T>);
  }
  if constexpr (std::is_signed_v<T>) {
    forms.add("neg." + type, d + a, apply1<negate<T>, T, T>);
    forms.add("abs." + type, d + a, apply1<absolute<T>, T, T>);
  }
}

// Two 16-bit values side by side.
template <class T, T (*F)(T, T)>
constexpr uint32_t pairwise(uint32_t a, uint32_t b) {
  const auto low = static_cast<uint16_t>(F(static_cast<T>(a), static_cast<T>(b)));
  const auto high = static_cast<uint16_t>(F(static_cast<T>(a >> 16), static_cast<T>(b >> 16)));
  return uint32_t{high} << 16 | low;
}

template <class T>
void add_pairs(Forms& forms, const std::string& type) {
  forms.add("add." + type, "daa", apply2<pairwise<T, add<T>>, uint32_t, uint32_t, uint32_t>);
  forms.add("min." + type, "daa", apply2<pairwise<T, least<T>>, uint32_t, uint32_t, uint32_t>);
  forms.add("max." + type, "daa", apply2<pairwise<T, greatest<T>>, uint32_t, uint32_t, uint32_t>);
}

// The extended-precision ones: carry of a subtraction is "borrow".
template <class T, bool subtract, bool carry_in, bool carry_out>
void with_carry(Warp& w, const Instruction& i, uint32_t mask) {
  Raw<T>* d = w.row<Raw<T>>(i.op[0]);
  const Raw<T>*a = w.row<Raw<T>>(i.op[1]), *b = w.row<Raw<T>>(i.op[2]);
  uint32_t carry = 0;
  for_lanes(mask, [&](uint32_t lane) {
    const auto x = static_cast<unsigned __int128>(a[lane]), y = static_cast<unsigned __int128>(b[lane]);
    const uint32_t in = carry_in ? w.carry >> lane & 1 : 0;
    const unsigned __int128 sum = subtract ? x - y - in : x + y + in;
    carry |= static_cast<uint32_t>(sum >> (8 * sizeof(T)) & 1) << lane;
    d[lane] = static_cast<Raw<T>>(sum);
  });
  if (carry_out) w.carry = (w.carry & ~mask) | carry;
}

template <class T>
void add_carry(Forms& forms, const std::string& type) {
  const std::string shape = letter<T>('d') + letter<T>('a') + letter<T>('a');
  forms.add("add.cc." + type, shape, with_carry<T, false, false, true>);
  forms.add("addc." + type, shape, with_carry<T, false, true, false>);
  forms.add("addc.cc." + type, shape, with_carry<T, false, true, true>);
  forms.add("sub.cc." + type, shape, with_carry<T, true, false, true>);
  forms.add("subc." + type, shape, with_carry<T, true, true, false>);
  forms.add("subc.cc." + type, shape, with_carry<T, true, true, true>);
}

template <class A, class B>
constexpr uint32_t dp4a(uint32_t a, uint32_t b, uint32_t c) {
  for (int i = 0; i < 32; i += 8) {
    c += static_cast<uint32_t>(static_cast<int32_t>(static_cast<A>(a >> i)) * static_cast<int32_t>(static_cast<B>(b >> i)));
  }
  return c;
}

template <class A, class B, int half>
constexpr uint32_t dp2a(uint32_t a, uint32_t b, uint32_t c) {
  for (int i = 0; i < 2; ++i) {
    const auto x = static_cast<std::conditional_t<std::is_signed_v<A>, int16_t, uint16_t>>(a >> 16 * i);
    c += static_cast<uint32_t>(static_cast<int32_t>(x) * static_cast<int32_t>(static_cast<B>(b >> (16 * half + 8 * i))));
  }
  return c;
}

template <class A, class B>
void add_dots(Forms& forms, const std::string& types) {
  forms.add("dp4a." + types, "daaa", apply3<dp4a<A, B>, uint32_t, uint32_t, uint32_t, uint32_t>);
  forms.add("dp2a.lo." + types, "daaa", apply3<dp2a<A, B, 0>, uint32_t, uint32_t, uint32_t, uint32_t>);
  forms.add("dp2a.hi." + types, "daaa", apply3<dp2a<A, B, 1>, uint32_t, uint32_t, uint32_t, uint32_t>);
}

}  // namespace

void add_integer_forms(Forms& forms) {
  add_type<uint16_t>(forms, "u16");
  add_type<int16_t>(forms, "s16");
  add_type<uint32_t>(forms, "u32");
  add_type<int32_t>(forms, "s32");
  add_type<uint64_t>(forms, "u64");
  add_type<int64_t>(forms, "s64");
  add_pairs<uint16_t>(forms, "u16x2");
  add_pairs<int16_t>(forms, "s16x2");
  add_carry<uint32_t>(forms, "u32");
  add_carry<uint32_t>(forms, "s32");
  add_carry<uint64_t>(forms, "u64");
  add_carry<uint64_t>(forms, "s64");
  forms.add("add.sat.s32", "daa", apply2<add_sat, int32_t, int32_t, int32_t>);
  forms.add("sub.sat.s32", "daa", apply2<sub_sat, int32_t, int32_t, int32_t>);
  add_dots<uint8_t, uint8_t>(forms, "u32.u32");
  add_dots<uint8_t, int8_t>(forms, "u32.s32");
  add_dots<int8_t, uint8_t>(forms, "s32.u32");
  add_dots<int8_t, int8_t>(forms, "s32.s32");
}

}  // namespace yoke::emulator
