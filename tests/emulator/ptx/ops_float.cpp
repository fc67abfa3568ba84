// f32 and f64 arithmetic that IEEE 754 defines. Directed rounding goes through the host's own rounding mode.
#include <cfenv>
#include <cmath>
#include <limits>

#include "tests/emulator/ptx/forms.h"
#include "tests/emulator/ptx/lanes.h"

namespace yoke::emulator {
namespace {

template <class T>
constexpr T canonical_nan() {
  if constexpr (sizeof(T) == 8) return std::bit_cast<double>(uint64_t{0x7ff8000000000000});
  else return std::bit_cast<float>(0x7fffffffu);
}
// What arithmetic gives for NaN: f32 0x7fffffff.
template <class T>
constexpr T tidy(T value) { return value != value ? canonical_nan<T>() : value; }
constexpr float flush(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  return std::bit_cast<float>((bits & 0x7f800000) == 0 ? bits & 0x80000000 : bits);
}
template <bool ftz, class T>
constexpr T maybe_flush(T value) {
  if constexpr (ftz && sizeof(T) == 4) return flush(value);
  else return value;
}
// .sat: NaN becomes +0.
template <bool sat, class T>
constexpr T maybe_saturate(T value) {
  if constexpr (!sat) return value;
  else return value > T{0} ? (value < T{1} ? value : T{1}) : T{0};
}

enum class Op { add, sub, mul, div };

template <Op O, bool ftz, bool sat, class T>
constexpr T arithmetic(T a, T b) {
  a = maybe_flush<ftz>(a), b = maybe_flush<ftz>(b);
  T result;
  if constexpr (O == Op::add) result = a + b;
  else if constexpr (O == Op::sub) result = a - b;
  else if constexpr (O == Op::mul) result = a * b;
  else result = a / b;
  return maybe_saturate<sat>(maybe_flush<ftz>(tidy(result)));
}
template <bool ftz, bool sat, class T>
T fused(T a, T b, T c) {
  return maybe_saturate<sat>(maybe_flush<ftz>(tidy(std::fma(maybe_flush<ftz>(a), maybe_flush<ftz>(b), maybe_flush<ftz>(c)))));
}
template <bool ftz, class T>
T square_root(T a) { return maybe_flush<ftz>(tidy(std::sqrt(maybe_flush<ftz>(a)))); }
template <bool ftz, class T>
constexpr T reciprocal(T a) { return maybe_flush<ftz>(tidy(T{1} / maybe_flush<ftz>(a))); }

// The host's rounding mode for one operation; volatile keeps the compiler from moving it out.
template <int mode, Op O, bool ftz, class T>
T directed(T a, T b) {
  const int before = std::fegetround();
  std::fesetround(mode);
  volatile T x = maybe_flush<ftz>(a), y = maybe_flush<ftz>(b);
  volatile T result = O == Op::add ? x + y : O == Op::sub ? x - y : O == Op::mul ? x * y : x / y;
  std::fesetround(before);
  return maybe_flush<ftz>(tidy<T>(result));
}
template <int mode, bool ftz, class T>
T directed_fused(T a, T b, T c) {
  const int before = std::fegetround();
  std::fesetround(mode);
  volatile T x = maybe_flush<ftz>(a), y = maybe_flush<ftz>(b), z = maybe_flush<ftz>(c);
  volatile T result = std::fma(x, y, z);
  std::fesetround(before);
  return maybe_flush<ftz>(tidy<T>(result));
}
template <int mode, bool ftz, class T>
T directed_root(T a) {
  const int before = std::fegetround();
  std::fesetround(mode);
  volatile T x = maybe_flush<ftz>(a);
  volatile T result = std::sqrt(static_cast<T>(x));
  std::fesetround(before);
  return maybe_flush<ftz>(tidy<T>(result));
}
template <int mode, bool ftz, class T>
T directed_reciprocal(T a) { return directed<mode, Op::div, ftz, T>(T{1}, a); }

// -0 < +0. One NaN: the other operand, or NaN if the form says so.
template <bool greatest, bool ftz, bool nan, class T>
constexpr T extreme(T a, T b) {
  a = maybe_flush<ftz>(a), b = maybe_flush<ftz>(b);
  using U = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
  const bool a_nan = a != a, b_nan = b != b;
  const bool a_less = (a < b) | ((a == b) & static_cast<bool>(std::bit_cast<U>(a) >> (8 * sizeof(T) - 1)));
  T result = a_less == greatest ? b : a;  // no branch: all lanes at once
  result = a_nan ? b : b_nan ? a : result;
  const bool is_nan = nan ? a_nan | b_nan : a_nan & b_nan;
  return is_nan ? canonical_nan<T>() : result;
}
template <bool greatest, bool ftz, bool nan>
constexpr float extreme3(float a, float b, float c) {
  return extreme<greatest, ftz, nan>(extreme<greatest, ftz, nan>(a, b), c);
}
template <bool greatest, bool ftz, bool nan>
constexpr float extreme_magnitude(float a, float b) {  // .xorsign.abs
  const uint32_t sign = (std::bit_cast<uint32_t>(a) ^ std::bit_cast<uint32_t>(b)) & 0x80000000;
  const float magnitude = extreme<greatest, ftz, nan>(std::bit_cast<float>(std::bit_cast<uint32_t>(a) & 0x7fffffff),
                                                      std::bit_cast<float>(std::bit_cast<uint32_t>(b) & 0x7fffffff));
  return std::bit_cast<float>((std::bit_cast<uint32_t>(magnitude) & 0x7fffffff) | sign);
}

// By bits: also NaN keeps its payload.
template <bool ftz>
constexpr uint32_t negate32(uint32_t a) { return std::bit_cast<uint32_t>(maybe_flush<ftz>(std::bit_cast<float>(a))) ^ 0x80000000; }
template <bool ftz>
constexpr uint32_t absolute32(uint32_t a) { return std::bit_cast<uint32_t>(maybe_flush<ftz>(std::bit_cast<float>(a))) & 0x7fffffff; }
constexpr uint64_t negate64(uint64_t a) { return a ^ uint64_t{1} << 63; }
constexpr uint64_t absolute64(uint64_t a) { return a & ~(uint64_t{1} << 63); }
template <class U>
constexpr U copy_sign(U a, U b) {
  constexpr U kSign = U{1} << (8 * sizeof(U) - 1);
  return (b & ~kSign) | (a & kSign);
}

template <class T>
bool is_finite(T a) { return std::isfinite(a); }
template <class T>
bool is_infinite(T a) { return std::isinf(a); }
template <class T>
bool is_number(T a) { return !std::isnan(a); }
template <class T>
bool is_nan(T a) { return std::isnan(a); }
template <class T>
bool is_normal(T a) { return std::isnormal(a); }
template <class T>
bool is_subnormal(T a) { return std::fpclassify(a) == FP_SUBNORMAL; }

template <auto F, class T>
void testp(Warp& w, const Instruction& i, uint32_t mask) {
  const Raw<T>* a = w.row<Raw<T>>(i.op[1]);
  uint32_t result = 0;
  for (uint32_t lane = 0; lane < 32; ++lane) result |= static_cast<uint32_t>(F(get<T>(a[lane]))) << lane;
  uint32_t& d = w.predicates[i.op[0]];
  d = (d & ~mask) | (result & mask);
}

template <class T>
void add_tests(Forms& forms, const std::string& type) {
  const std::string shape = "p" + letter<T>('a');
  forms.add("testp.finite." + type, shape, testp<is_finite<T>, T>);
  forms.add("testp.infinite." + type, shape, testp<is_infinite<T>, T>);
  forms.add("testp.number." + type, shape, testp<is_number<T>, T>);
  forms.add("testp.notanumber." + type, shape, testp<is_nan<T>, T>);
  forms.add("testp.normal." + type, shape, testp<is_normal<T>, T>);
  forms.add("testp.subnormal." + type, shape, testp<is_subnormal<T>, T>);
}

template <Op O, bool ftz, class T>
void add_operation(Forms& forms, const std::string& name, const std::string& type) {
  const std::string shape = letter<T>('d') + letter<T>('a') + letter<T>('a'), z = ftz ? ".ftz" : "";
  if (O != Op::div) {
    forms.add(name + z + "." + type, shape, apply2<arithmetic<O, ftz, false, T>, T, T, T>);
    forms.add(name + z + ".sat." + type, shape, apply2<arithmetic<O, ftz, true, T>, T, T, T>);
    forms.add(name + ".rn" + z + ".sat." + type, shape, apply2<arithmetic<O, ftz, true, T>, T, T, T>);
  }
  forms.add(name + ".rn" + z + "." + type, shape, apply2<arithmetic<O, ftz, false, T>, T, T, T>);
  forms.add(name + ".rz" + z + "." + type, shape, apply2<directed<FE_TOWARDZERO, O, ftz, T>, T, T, T>);
  forms.add(name + ".rm" + z + "." + type, shape, apply2<directed<FE_DOWNWARD, O, ftz, T>, T, T, T>);
  forms.add(name + ".rp" + z + "." + type, shape, apply2<directed<FE_UPWARD, O, ftz, T>, T, T, T>);
}

template <int mode, bool ftz, class T>
void add_directed(Forms& forms, const std::string& rounding, const std::string& type) {
  const std::string d = letter<T>('d'), a = letter<T>('a'), z = ftz ? ".ftz" : "";
  forms.add("fma" + rounding + z + "." + type, d + a + a + a, apply3<directed_fused<mode, ftz, T>, T, T, T, T>);
  forms.add("sqrt" + rounding + z + "." + type, d + a, apply1<directed_root<mode, ftz, T>, T, T>);
  forms.add("rcp" + rounding + z + "." + type, d + a, apply1<directed_reciprocal<mode, ftz, T>, T, T>);
}

template <bool ftz, class T>
void add_type(Forms& forms, const std::string& type) {
  const std::string d = letter<T>('d'), a = letter<T>('a'), z = ftz ? ".ftz" : "";
  add_operation<Op::add, ftz, T>(forms, "add", type);
  add_operation<Op::sub, ftz, T>(forms, "sub", type);
  add_operation<Op::mul, ftz, T>(forms, "mul", type);
  add_operation<Op::div, ftz, T>(forms, "div", type);
  for (const char* name : {"fma", "mad"}) {
    forms.add(std::string(name) + ".rn" + z + "." + type, d + a + a + a, apply3<fused<ftz, false, T>, T, T, T, T>);
    forms.add(std::string(name) + ".rn" + z + ".sat." + type, d + a + a + a, apply3<fused<ftz, true, T>, T, T, T, T>);
  }
  forms.add("sqrt.rn" + z + "." + type, d + a, apply1<square_root<ftz, T>, T, T>);
  forms.add("rcp.rn" + z + "." + type, d + a, apply1<reciprocal<ftz, T>, T, T>);
  add_directed<FE_TOWARDZERO, ftz, T>(forms, ".rz", type);
  add_directed<FE_DOWNWARD, ftz, T>(forms, ".rm", type);
  add_directed<FE_UPWARD, ftz, T>(forms, ".rp", type);
  forms.add("min" + z + "." + type, d + a + a, apply2<extreme<false, ftz, false, T>, T, T, T>);
  forms.add("max" + z + "." + type, d + a + a, apply2<extreme<true, ftz, false, T>, T, T, T>);
}

template <bool ftz, bool nan>
void add_extremes(Forms& forms) {
  const std::string suffix = std::string(ftz ? ".ftz" : "") + (nan ? ".NaN" : "");
  forms.add("min" + suffix + ".f32", "daa", apply2<extreme<false, ftz, nan, float>, float, float, float>);
  forms.add("max" + suffix + ".f32", "daa", apply2<extreme<true, ftz, nan, float>, float, float, float>);
  forms.add("min" + suffix + ".f32/4", "daaa", apply3<extreme3<false, ftz, nan>, float, float, float, float>);
  forms.add("max" + suffix + ".f32/4", "daaa", apply3<extreme3<true, ftz, nan>, float, float, float, float>);
  forms.add("min" + suffix + ".xorsign.abs.f32", "daa", apply2<extreme_magnitude<false, ftz, nan>, float, float, float>);
  forms.add("max" + suffix + ".xorsign.abs.f32", "daa", apply2<extreme_magnitude<true, ftz, nan>, float, float, float>);
}

}  // namespace

void add_float_forms(Forms& forms) {
  add_type<false, float>(forms, "f32");
  add_type<true, float>(forms, "f32");
  add_type<false, double>(forms, "f64");
  add_extremes<false, true>(forms), add_extremes<true, true>(forms);
  add_extremes<false, false>(forms), add_extremes<true, false>(forms);
  forms.add("neg.f32", "da", apply1<negate32<false>, uint32_t, uint32_t>);
  forms.add("abs.f32", "da", apply1<absolute32<false>, uint32_t, uint32_t>);
  forms.add("neg.ftz.f32", "da", apply1<negate32<true>, uint32_t, uint32_t>);
  forms.add("abs.ftz.f32", "da", apply1<absolute32<true>, uint32_t, uint32_t>);
  forms.add("neg.f64", "DA", apply1<negate64, uint64_t, uint64_t>);
  forms.add("abs.f64", "DA", apply1<absolute64, uint64_t, uint64_t>);
  forms.add("copysign.f32", "daa", apply2<copy_sign<uint32_t>, uint32_t, uint32_t, uint32_t>);
  forms.add("copysign.f64", "DAA", apply2<copy_sign<uint64_t>, uint64_t, uint64_t, uint64_t>);
  add_tests<float>(forms, "f32");
  add_tests<double>(forms, "f64");
}

}  // namespace yoke::emulator
