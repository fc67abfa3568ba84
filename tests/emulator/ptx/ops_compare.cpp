// setp, set, selp, slct.
#include <cmath>

#include "tests/emulator/ptx/forms.h"
#include "tests/emulator/ptx/lanes.h"
#include "tests/emulator/ptx/number_formats.h"

namespace yoke::emulator {
namespace {

// Ordered comparisons are false on NaN, those with a u are true.
enum class Compare { eq, ne, lt, le, gt, ge, equ, neu, ltu, leu, gtu, geu, num, nan };

template <Compare C, class T>
constexpr bool compare(T a, T b) {
  switch (C) {
    case Compare::eq: return a == b;
    case Compare::ne:
      if constexpr (std::is_floating_point_v<T>) return a < b || a > b;
      else return a != b;
    case Compare::lt: return a < b;
    case Compare::le: return a <= b;
    case Compare::gt: return a > b;
    case Compare::ge: return a >= b;
    case Compare::equ: return !(a < b || a > b);
    case Compare::neu: return a != b;
    case Compare::ltu: return !(a >= b);
    case Compare::leu: return !(a > b);
    case Compare::gtu: return !(a <= b);
    case Compare::geu: return !(a < b);
    case Compare::num: return a == a && b == b;
    case Compare::nan: return a != a || b != b;
  }
  return false;
}

// Formats narrower than f32 are compared as f32, which holds them exactly.
struct F16 {
  static float load(uint32_t raw) { return f16_to_f32(static_cast<uint16_t>(raw)); }
};
struct Bf16 {
  static float load(uint32_t raw) { return bf16_to_f32(static_cast<uint16_t>(raw)); }
};
struct FlushedF32 {
  static float load(uint32_t raw) {
    const uint32_t bits = (raw & 0x7f800000) == 0 ? raw & 0x80000000 : raw;
    return std::bit_cast<float>(bits);
  }
};
template <class T>
struct Plain {
  static T load(Raw<T> raw) { return get<T>(raw); }
};

template <Compare C, class Load, class R>
uint32_t compare_lanes(const R* a, const R* b) {
  uint32_t result = 0;
  for (uint32_t lane = 0; lane < 32; ++lane) result |= static_cast<uint32_t>(compare<C>(Load::load(a[lane]), Load::load(b[lane]))) << lane;
  return result;
}

enum class Combine { none, with_and, with_or, with_xor };

template <Combine K>
constexpr uint32_t combine(uint32_t t, uint32_t c) {
  if (K == Combine::with_and) return t & c;
  if (K == Combine::with_or) return t | c;
  if (K == Combine::with_xor) return t ^ c;
  return t;
}

inline void set_predicate(Warp& w, uint32_t which, uint32_t value, uint32_t mask) {
  w.predicates[which] = (w.predicates[which] & ~mask) | (value & mask);
}

// q gets the negated comparison, combined in the same way.
template <Compare C, class Load, class R, Combine K>
void setp(Warp& w, const Instruction& i, uint32_t mask) {
  const uint32_t t = compare_lanes<C, Load, R>(w.row<R>(i.op[2]), w.row<R>(i.op[3]));
  const uint32_t c = K == Combine::none ? 0 : w.predicate(i.op[4]);
  set_predicate(w, i.op[0], combine<K>(t, c), mask);
  if (i.op[1] != kSinkPredicate) set_predicate(w, i.op[1], combine<K>(~t, c), mask);
}

// f16x2: p is the low half's, q the high half's.
template <Compare C, class Half, Combine K>
void setp_pair(Warp& w, const Instruction& i, uint32_t mask) {
  const uint32_t *a = w.row<uint32_t>(i.op[2]), *b = w.row<uint32_t>(i.op[3]);
  uint32_t low = 0, high = 0;
  for (uint32_t lane = 0; lane < 32; ++lane) {
    low |= static_cast<uint32_t>(compare<C>(Half::load(a[lane]), Half::load(b[lane]))) << lane;
    high |= static_cast<uint32_t>(compare<C>(Half::load(a[lane] >> 16), Half::load(b[lane] >> 16))) << lane;
  }
  const uint32_t c = K == Combine::none ? 0 : w.predicate(i.op[4]);
  set_predicate(w, i.op[0], combine<K>(low, c), mask);
  set_predicate(w, i.op[1], combine<K>(high, c), mask);
}

// An integer: all bits; a float: 1.0.
template <Compare C, class Load, class R, uint32_t yes>
void set(Warp& w, const Instruction& i, uint32_t mask) {
  const uint32_t t = compare_lanes<C, Load, R>(w.row<R>(i.op[1]), w.row<R>(i.op[2]));
  uint32_t made[32];
  for (uint32_t lane = 0; lane < 32; ++lane) made[lane] = t >> lane & 1 ? yes : 0;
  blend(w.row<uint32_t>(i.op[0]), made, mask);
}

template <Compare C, class Half, uint32_t yes>
void set_pair(Warp& w, const Instruction& i, uint32_t mask) {
  const uint32_t *a = w.row<uint32_t>(i.op[1]), *b = w.row<uint32_t>(i.op[2]);
  uint32_t made[32];
  for (uint32_t lane = 0; lane < 32; ++lane) {
    made[lane] = (compare<C>(Half::load(a[lane]), Half::load(b[lane])) ? yes : 0) |
                 (compare<C>(Half::load(a[lane] >> 16), Half::load(b[lane] >> 16)) ? yes << 16 : 0);
  }
  blend(w.row<uint32_t>(i.op[0]), made, mask);
}

template <class R>
void selp(Warp& w, const Instruction& i, uint32_t mask) {
  R* d = w.row<R>(i.op[0]);
  const R *a = w.row<R>(i.op[1]), *b = w.row<R>(i.op[2]);
  const uint32_t p = w.predicate(i.op[3]);
  R made[32];
  for (uint32_t lane = 0; lane < 32; ++lane) made[lane] = p >> lane & 1 ? a[lane] : b[lane];
  blend(d, made, mask);
}

template <class R>
constexpr R slct(R a, R b, int32_t c) { return c >= 0 ? a : b; }
template <class R>
constexpr R slct_float(R a, R b, float c) { return c >= 0 ? a : b; }

template <Compare C, class Load, class R>
void add_setp(Forms& forms, const std::string& name, const std::string& type) {
  const std::string a = sizeof(R) == 8 ? "A" : "a";
  forms.add("setp." + name + "." + type, "q" + a + a, setp<C, Load, R, Combine::none>);
  forms.add("setp." + name + ".and." + type, "q" + a + a + "P", setp<C, Load, R, Combine::with_and>);
  forms.add("setp." + name + ".or." + type, "q" + a + a + "P", setp<C, Load, R, Combine::with_or>);
  forms.add("setp." + name + ".xor." + type, "q" + a + a + "P", setp<C, Load, R, Combine::with_xor>);
  forms.add("set." + name + ".u32." + type, "d" + a + a, set<C, Load, R, ~uint32_t{0}>);
  forms.add("set." + name + ".s32." + type, "d" + a + a, set<C, Load, R, ~uint32_t{0}>);
  forms.add("set." + name + ".f32." + type, "d" + a + a, set<C, Load, R, 0x3f800000>);
}

template <Compare C, class Half>
void add_pair(Forms& forms, const std::string& name, const std::string& type, const std::string& scalar) {
  forms.add("setp." + name + "." + type, "qaa", setp_pair<C, Half, Combine::none>);
  forms.add("setp." + name + ".and." + type, "qaaP", setp_pair<C, Half, Combine::with_and>);
  forms.add("setp." + name + ".or." + type, "qaaP", setp_pair<C, Half, Combine::with_or>);
  constexpr uint32_t kOne = std::is_same_v<Half, F16> ? 0x3c00 : 0x3f80;
  forms.add("set." + name + "." + type + "." + type, "daa", set_pair<C, Half, kOne>);
  forms.add("set." + name + "." + scalar + "." + scalar, "daa", set<C, Half, uint32_t, kOne>);
  forms.add("set." + name + ".u32." + type, "daa", set_pair<C, Half, 0xffff>);
}

template <Compare C>
void add_integers(Forms& forms, const std::string& name, const std::string& unsigned_name) {
  add_setp<C, Plain<int16_t>, uint32_t>(forms, name, "s16");
  add_setp<C, Plain<int32_t>, uint32_t>(forms, name, "s32");
  add_setp<C, Plain<int64_t>, uint64_t>(forms, name, "s64");
  for (const std::string& alias : {name, unsigned_name}) {
    if (alias.empty()) continue;
    add_setp<C, Plain<uint16_t>, uint32_t>(forms, alias, "u16");
    add_setp<C, Plain<uint32_t>, uint32_t>(forms, alias, "u32");
    add_setp<C, Plain<uint64_t>, uint64_t>(forms, alias, "u64");
  }
  if (C == Compare::eq || C == Compare::ne) {
    add_setp<C, Plain<uint16_t>, uint32_t>(forms, name, "b16");
    add_setp<C, Plain<uint32_t>, uint32_t>(forms, name, "b32");
    add_setp<C, Plain<uint64_t>, uint64_t>(forms, name, "b64");
  }
}

template <Compare C>
void add_floats(Forms& forms, const std::string& name) {
  add_setp<C, Plain<float>, uint32_t>(forms, name, "f32");
  add_setp<C, FlushedF32, uint32_t>(forms, name + ".ftz", "f32");
  add_setp<C, Plain<double>, uint64_t>(forms, name, "f64");
  add_setp<C, F16, uint32_t>(forms, name, "f16");
  add_setp<C, Bf16, uint32_t>(forms, name, "bf16");
  add_pair<C, F16>(forms, name, "f16x2", "f16");
  add_pair<C, Bf16>(forms, name, "bf16x2", "bf16");
}

}  // namespace

void add_compare_forms(Forms& forms) {
  add_integers<Compare::eq>(forms, "eq", "");
  add_integers<Compare::ne>(forms, "ne", "");
  add_integers<Compare::lt>(forms, "lt", "lo");
  add_integers<Compare::le>(forms, "le", "ls");
  add_integers<Compare::gt>(forms, "gt", "hi");
  add_integers<Compare::ge>(forms, "ge", "hs");
  add_floats<Compare::eq>(forms, "eq"), add_floats<Compare::ne>(forms, "ne"), add_floats<Compare::lt>(forms, "lt");
  add_floats<Compare::le>(forms, "le"), add_floats<Compare::gt>(forms, "gt"), add_floats<Compare::ge>(forms, "ge");
  add_floats<Compare::equ>(forms, "equ"), add_floats<Compare::neu>(forms, "neu"), add_floats<Compare::ltu>(forms, "ltu");
  add_floats<Compare::leu>(forms, "leu"), add_floats<Compare::gtu>(forms, "gtu"), add_floats<Compare::geu>(forms, "geu");
  add_floats<Compare::num>(forms, "num"), add_floats<Compare::nan>(forms, "nan");
  for (const char* type : {"b16", "u16", "s16", "b32", "u32", "s32", "f32"}) forms.add(std::string("selp.") + type, "daaP", selp<uint32_t>);
  for (const char* type : {"b64", "u64", "s64", "f64"}) forms.add(std::string("selp.") + type, "DAAP", selp<uint64_t>);
  for (const char* type : {"b32", "u32", "s32", "f32"}) {
    forms.add("slct." + std::string(type) + ".s32", "daaa", apply3<slct<uint32_t>, uint32_t, uint32_t, uint32_t, int32_t>);
    forms.add("slct." + std::string(type) + ".f32", "daaa", apply3<slct_float<uint32_t>, uint32_t, uint32_t, uint32_t, float>);
  }
}

}  // namespace yoke::emulator
