// Logic, shifts, bit fields; also on predicates.
#include <algorithm>

#include "tests/emulator/ptx/forms.h"
#include "tests/emulator/ptx/lanes.h"

namespace yoke::emulator {
namespace {

template <class T>
constexpr T both(T a, T b) { return a & b; }
template <class T>
constexpr T either(T a, T b) { return a | b; }
template <class T>
constexpr T differ(T a, T b) { return a ^ b; }
template <class T>
constexpr T invert(T a) { return static_cast<T>(~a); }
template <class T>
constexpr T is_zero(T a) { return a == 0; }
// Amounts of the width and more shift everything out.
template <class T>
constexpr T shift_left(T a, uint32_t n) { return n >= 8 * sizeof(T) ? T{0} : static_cast<T>(a << (n & (8 * sizeof(T) - 1))); }
template <class T>
constexpr T shift_right(T a, uint32_t n) {
  constexpr uint32_t kLast = 8 * sizeof(T) - 1;
  if constexpr (std::is_signed_v<T>) return static_cast<T>(a >> std::min(n, kLast));
  else return n > kLast ? T{0} : static_cast<T>(a >> (n & kLast));
}
template <class T>
constexpr uint32_t population(T a) { return static_cast<uint32_t>(std::popcount(a)); }
template <class T>
constexpr uint32_t leading_zeros(T a) { return static_cast<uint32_t>(std::countl_zero(a)); }
template <class T>
constexpr T reverse(T a) {
  T result = 0;
  for (uint32_t i = 0; i < 8 * sizeof(T); ++i) result |= (a >> i & 1) << (8 * sizeof(T) - 1 - i);
  return result;
}
// Position of the highest bit that is not a sign bit; all ones if none. shift: counted from the top instead.
template <class T, bool shift>
constexpr uint32_t find_top(T a) {
  auto bits = static_cast<std::make_unsigned_t<T>>(a);
  if (a < 0) bits = ~bits;
  if (bits == 0) return ~uint32_t{0};
  const auto zeros = static_cast<uint32_t>(std::countl_zero(bits));
  return shift ? zeros : static_cast<uint32_t>(8 * sizeof(T)) - 1 - zeros;
}
template <class T>
constexpr T extract(T a, uint32_t from, uint32_t length) {
  constexpr uint32_t kBits = 8 * sizeof(T);
  from &= 0xff, length &= 0xff;
  using U = std::make_unsigned_t<T>;
  if (length == 0) return 0;
  const U value = from >= kBits ? U{0} : static_cast<U>(a) >> from;
  const U mask = length >= kBits ? ~U{0} : (U{1} << length) - 1;
  U result = value & mask;
  if constexpr (std::is_signed_v<T>) {
    const uint32_t sign_at = std::min(from + length - 1, kBits - 1);
    if (static_cast<U>(a) >> sign_at & 1) {
      const uint32_t kept = from >= kBits ? 0 : std::min(length, kBits - from);
      result |= kept >= kBits ? U{0} : ~U{0} << kept;
    }
  }
  return static_cast<T>(result);
}
template <class T>
constexpr T insert(T a, T b, uint32_t from, uint32_t length) {
  constexpr uint32_t kBits = 8 * sizeof(T);
  from &= 0xff, length &= 0xff;
  if (from >= kBits || length == 0) return b;
  const T mask = (length >= kBits ? ~T{0} : (T{1} << length) - 1) << from;
  return (b & ~mask) | (a << from & mask);
}
constexpr uint32_t funnel_left(uint32_t a, uint32_t b, uint32_t n) {
  return static_cast<uint32_t>(((uint64_t{b} << 32 | a) << n) >> 32);
}
constexpr uint32_t funnel_right(uint32_t a, uint32_t b, uint32_t n) { return static_cast<uint32_t>((uint64_t{b} << 32 | a) >> n); }
constexpr uint32_t funnel_left_wrap(uint32_t a, uint32_t b, uint32_t n) { return funnel_left(a, b, n & 31); }
constexpr uint32_t funnel_right_wrap(uint32_t a, uint32_t b, uint32_t n) { return funnel_right(a, b, n & 31); }
constexpr uint32_t funnel_left_clamp(uint32_t a, uint32_t b, uint32_t n) { return funnel_left(a, b, std::min(n, 32u)); }
constexpr uint32_t funnel_right_clamp(uint32_t a, uint32_t b, uint32_t n) { return funnel_right(a, b, std::min(n, 32u)); }

// Bytes of {b, a} by four nibbles; a nibble's top bit replicates the byte's sign.
constexpr uint32_t permute(uint32_t a, uint32_t b, uint32_t selector) {
  uint32_t result = 0;
  for (uint32_t i = 0; i < 4; ++i) {
    const uint32_t nibble = selector >> 4 * i & 15;
    const uint32_t byte = ((nibble & 4 ? b : a) >> 8 * (nibble & 3)) & 0xff;
    result |= (nibble & 8 ? (0 - (byte >> 7)) & 0xff : byte) << 8 * i;
  }
  return result;
}
template <int mode>
constexpr uint32_t permute_mode(uint32_t a, uint32_t b, uint32_t selector) {
  constexpr uint32_t kTable[6][4] = {{0x3210, 0x4321, 0x5432, 0x6543}, {0x5670, 0x6701, 0x7012, 0x0123}, {0x0000, 0x1111, 0x2222, 0x3333},
                                     {0x3210, 0x3211, 0x3222, 0x3333}, {0x0000, 0x1110, 0x2210, 0x3210}, {0x1010, 0x3232, 0x1010, 0x3232}};
  return permute(a, b, kTable[mode][selector & 3]);
}

void lop3(Warp& w, const Instruction& i, uint32_t mask) {
  uint32_t* d = w.row<uint32_t>(i.op[0]);
  const uint32_t *a = w.row<uint32_t>(i.op[1]), *b = w.row<uint32_t>(i.op[2]), *c = w.row<uint32_t>(i.op[3]);
  uint32_t term[8];
  for (uint32_t k = 0; k < 8; ++k) term[k] = 0 - (i.detail >> k & 1u);
  uint32_t made[32];
  for (uint32_t lane = 0; lane < 32; ++lane) {
    const uint32_t x = a[lane], y = b[lane], z = c[lane];
    const uint32_t low = (~y & ((~z & term[0]) | (z & term[1]))) | (y & ((~z & term[2]) | (z & term[3])));
    const uint32_t high = (~y & ((~z & term[4]) | (z & term[5]))) | (y & ((~z & term[6]) | (z & term[7])));
    made[lane] = (~x & low) | (x & high);
  }
  blend(d, made, mask);
}

template <auto F>
void predicates2(Warp& w, const Instruction& i, uint32_t mask) {
  uint32_t& d = w.predicates[i.op[0]];
  d = (d & ~mask) | (F(w.predicate(i.op[1]), w.predicate(i.op[2])) & mask);
}

void not_predicate(Warp& w, const Instruction& i, uint32_t mask) {
  uint32_t& d = w.predicates[i.op[0]];
  d = (d & ~mask) | (~w.predicate(i.op[1]) & mask);
}

void move_predicate(Warp& w, const Instruction& i, uint32_t mask) {
  uint32_t& d = w.predicates[i.op[0]];
  d = (d & ~mask) | (w.predicate(i.op[1]) & mask);
}

template <class T>
void add_logic(Forms& forms, const std::string& type) {
  const std::string d = letter<T>('d'), a = letter<T>('a');
  forms.add("and." + type, d + a + a, apply2<both<T>, T, T, T>);
  forms.add("or." + type, d + a + a, apply2<either<T>, T, T, T>);
  forms.add("xor." + type, d + a + a, apply2<differ<T>, T, T, T>);
  forms.add("not." + type, d + a, apply1<invert<T>, T, T>);
  forms.add("cnot." + type, d + a, apply1<is_zero<T>, T, T>);
  forms.add("shl." + type, d + a + "a", apply2<shift_left<T>, T, T, uint32_t>);
}

template <class T>
void add_right(Forms& forms, const std::string& type) {
  forms.add("shr." + type, letter<T>('d') + letter<T>('a') + "a", apply2<shift_right<T>, T, T, uint32_t>);
}

template <class T>
void add_counts(Forms& forms, const std::string& type) {
  const std::string d = letter<T>('d'), a = letter<T>('a');
  forms.add("popc." + type, "d" + a, apply1<population<T>, uint32_t, T>);
  forms.add("clz." + type, "d" + a, apply1<leading_zeros<T>, uint32_t, T>);
  forms.add("brev." + type, d + a, apply1<reverse<T>, T, T>);
  forms.add("bfi." + type, d + a + a + "aa", apply4<insert<T>, T, T, T, uint32_t, uint32_t>);
}

template <class T>
void add_fields(Forms& forms, const std::string& type) {
  const std::string d = letter<T>('d'), a = letter<T>('a');
  forms.add("bfind." + type, "d" + a, apply1<find_top<T, false>, uint32_t, T>);
  forms.add("bfind.shiftamt." + type, "d" + a, apply1<find_top<T, true>, uint32_t, T>);
  forms.add("bfe." + type, d + a + "aa", apply3<extract<T>, T, T, uint32_t, uint32_t>);
}

template <int mode>
void add_permute(Forms& forms, const std::string& name) {
  forms.add("prmt.b32." + name, "daaa", apply3<permute_mode<mode>, uint32_t, uint32_t, uint32_t, uint32_t>);
}

}  // namespace

void add_bit_forms(Forms& forms) {
  add_logic<uint16_t>(forms, "b16");
  add_logic<uint32_t>(forms, "b32");
  add_logic<uint64_t>(forms, "b64");
  add_right<uint16_t>(forms, "b16"), add_right<uint16_t>(forms, "u16"), add_right<int16_t>(forms, "s16");
  add_right<uint32_t>(forms, "b32"), add_right<uint32_t>(forms, "u32"), add_right<int32_t>(forms, "s32");
  add_right<uint64_t>(forms, "b64"), add_right<uint64_t>(forms, "u64"), add_right<int64_t>(forms, "s64");
  add_counts<uint32_t>(forms, "b32");
  add_counts<uint64_t>(forms, "b64");
  add_fields<uint32_t>(forms, "u32"), add_fields<int32_t>(forms, "s32");
  add_fields<uint64_t>(forms, "u64"), add_fields<int64_t>(forms, "s64");
  forms.add("and.pred", "pPP", predicates2<both<uint32_t>>);
  forms.add("or.pred", "pPP", predicates2<either<uint32_t>>);
  forms.add("xor.pred", "pPP", predicates2<differ<uint32_t>>);
  forms.add("not.pred", "pP", not_predicate);
  forms.add("mov.pred", "pP", move_predicate);
  forms.add("lop3.b32", "daaai", lop3);
  forms.add("prmt.b32", "daaa", apply3<permute, uint32_t, uint32_t, uint32_t, uint32_t>);
  add_permute<0>(forms, "f4e"), add_permute<1>(forms, "b4e"), add_permute<2>(forms, "rc8");
  add_permute<3>(forms, "ecl"), add_permute<4>(forms, "ecr"), add_permute<5>(forms, "rc16");
  forms.add("shf.l.wrap.b32", "daaa", apply3<funnel_left_wrap, uint32_t, uint32_t, uint32_t, uint32_t>);
  forms.add("shf.r.wrap.b32", "daaa", apply3<funnel_right_wrap, uint32_t, uint32_t, uint32_t, uint32_t>);
  forms.add("shf.l.clamp.b32", "daaa", apply3<funnel_left_clamp, uint32_t, uint32_t, uint32_t, uint32_t>);
  forms.add("shf.r.clamp.b32", "daaa", apply3<funnel_right_clamp, uint32_t, uint32_t, uint32_t, uint32_t>);
}

}  // namespace yoke::emulator
