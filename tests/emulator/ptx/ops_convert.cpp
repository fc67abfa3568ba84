// cvt between integers, f16, bf16, f32 and f64; cvta is among the moves.
#include <cmath>
#include <limits>

#include "tests/emulator/ptx/forms.h"
#include "tests/emulator/ptx/lanes.h"
#include "tests/emulator/ptx/number_formats.h"

namespace yoke::emulator {
namespace {

template <class D, class S>
constexpr D convert(S value) { return static_cast<D>(value); }
template <class D, class S>
constexpr D convert_saturating(S value) {
  using Limits = std::numeric_limits<D>;
  const auto wide = static_cast<__int128>(value);
  if (wide < static_cast<__int128>(Limits::min())) return Limits::min();
  if (wide > static_cast<__int128>(Limits::max())) return Limits::max();
  return static_cast<D>(value);
}

// Rounding to an integer: .rni, .rzi, .rmi, .rpi.
double to_integral(double value, Rounding rounding) {
  switch (rounding) {
    case Rounding::nearest_even: return std::nearbyint(value);
    case Rounding::to_zero: return std::trunc(value);
    case Rounding::down: return std::floor(value);
    case Rounding::up: return std::ceil(value);
  }
  return value;
}

// Beyond the range: its end. NaN: 0.
template <class D>
D integer_of(double value, Rounding rounding) {
  if (std::isnan(value)) return 0;
  const double whole = to_integral(value, rounding);
  constexpr double kEnd = static_cast<double>(uint64_t{1} << (std::numeric_limits<D>::digits - 1)) * 2;  // max + 1
  if (whole >= kEnd) return std::numeric_limits<D>::max();
  if (whole < static_cast<double>(std::numeric_limits<D>::min())) return std::numeric_limits<D>::min();
  return static_cast<D>(whole);
}

float flush(float value) { return std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(0.0f, value) : value; }
float tidy(float value) { return std::isnan(value) ? std::bit_cast<float>(0x7fffffffu) : value; }

// The neighbour of the nearest float that the rounding asks for. below: the exact value is less than the nearest float.
float adjust(float nearest, bool below, bool above, Rounding rounding) {
  const bool down = rounding == Rounding::down || (rounding == Rounding::to_zero && nearest > 0);
  const bool up = rounding == Rounding::up || (rounding == Rounding::to_zero && nearest < 0);
  if (below && down) return std::nextafter(nearest, -std::numeric_limits<float>::infinity());
  if (above && up) return std::nextafter(nearest, std::numeric_limits<float>::infinity());
  return nearest;
}
float narrow(double value, Rounding rounding) {
  const auto nearest = static_cast<float>(value);
  if (std::isnan(value) || rounding == Rounding::nearest_even) return tidy(nearest);
  return adjust(nearest, value < nearest, value > nearest, rounding);
}
template <class S>
float float_of(S value, Rounding rounding) {
  const auto nearest = static_cast<float>(value);
  if (rounding == Rounding::nearest_even) return nearest;
  const auto back = static_cast<__int128>(nearest), exact = static_cast<__int128>(value);
  return adjust(nearest, exact < back, exact > back, rounding);
}
template <class S>
double double_of(S value, Rounding rounding) {
  const auto nearest = static_cast<double>(value);
  if (rounding == Rounding::nearest_even) return nearest;
  const auto back = static_cast<__int128>(nearest), exact = static_cast<__int128>(value);
  const bool down = rounding == Rounding::down || (rounding == Rounding::to_zero && nearest > 0);
  const bool up = rounding == Rounding::up || (rounding == Rounding::to_zero && nearest < 0);
  if (exact < back && down) return std::nextafter(nearest, -std::numeric_limits<double>::infinity());
  if (exact > back && up) return std::nextafter(nearest, std::numeric_limits<double>::infinity());
  return nearest;
}

// Rounded to odd: keeps for a second rounding that something was cut off.
template <class S>
double odd_double_of(S value) {
  const double cut = double_of(value, Rounding::to_zero);
  const bool exact = static_cast<__int128>(cut) == static_cast<__int128>(value);
  return exact ? cut : std::bit_cast<double>(std::bit_cast<uint64_t>(cut) | 1);
}

// Types of a row that hold a float: load gives a double, which all are exact in; store rounds once.
struct F32 {
  using Row = uint32_t;
  static double load(uint32_t raw) { return std::bit_cast<float>(raw); }
  static uint32_t store(double value, Rounding rounding) { return std::bit_cast<uint32_t>(narrow(value, rounding)); }
};
struct F64 {
  using Row = uint64_t;
  static double load(uint64_t raw) { return std::bit_cast<double>(raw); }
  static uint64_t store(double value, Rounding) { return std::bit_cast<uint64_t>(std::isnan(value) ? std::bit_cast<double>(0x7ff8000000000000) : value); }
};
struct F16 {
  using Row = uint32_t;
  static double load(uint32_t raw) { return f16_to_f32(static_cast<uint16_t>(raw)); }
  static uint32_t store(double value, Rounding rounding) { return f64_to_f16(value, rounding); }
};
struct Bf16 {
  using Row = uint32_t;
  static double load(uint32_t raw) { return bf16_to_f32(static_cast<uint16_t>(raw)); }
  static uint32_t store(double value, Rounding rounding) { return f64_to_bf16(value, rounding); }
};

// What the suffixes say, in Form::detail. Read at run time: a handler for each would be hundreds.
constexpr uint16_t kFlush = 4, kRelu = 8;
Rounding rounding_of(const Instruction& i) { return static_cast<Rounding>(i.detail & 3); }

template <class D, class S>
void int_from_float(Warp& w, const Instruction& i, uint32_t mask) {
  Raw<D>* d = w.row<Raw<D>>(i.op[0]);
  const auto* a = w.row<typename S::Row>(i.op[1]);
  for_lanes(mask, [&](uint32_t lane) {
    const double value = S::load(a[lane]);
    d[lane] = put<D>(integer_of<D>(i.detail & kFlush ? flush(static_cast<float>(value)) : value, rounding_of(i)));
  });
}

// A 64-bit integer is not exact in double: to f32 it goes directly; to f16 and bf16 by a double rounded to odd.
template <class D, class S>
typename D::Row stored_int(S value, Rounding rounding) {
  if constexpr (std::is_same_v<D, F32>) return std::bit_cast<uint32_t>(float_of(value, rounding));
  else if constexpr (std::is_same_v<D, F64>) return std::bit_cast<uint64_t>(double_of(value, rounding));
  else if constexpr (sizeof(S) == 8) return D::store(odd_double_of(value), rounding);
  else return D::store(static_cast<double>(value), rounding);
}
template <class D, class S>
void float_from_int(Warp& w, const Instruction& i, uint32_t mask) {
  auto* d = w.row<typename D::Row>(i.op[0]);
  const Raw<S>* a = w.row<Raw<S>>(i.op[1]);
  for_lanes(mask, [&](uint32_t lane) { d[lane] = stored_int<D>(get<S>(a[lane]), rounding_of(i)); });
}

template <class D, class S>
void float_from_float(Warp& w, const Instruction& i, uint32_t mask) {
  auto* d = w.row<typename D::Row>(i.op[0]);
  const auto* a = w.row<typename S::Row>(i.op[1]);
  for_lanes(mask, [&](uint32_t lane) {
    const double value = S::load(a[lane]);
    d[lane] = D::store(i.detail & kRelu && std::signbit(value) && !std::isnan(value) ? 0.0 : value, rounding_of(i));
  });
}

template <class F>
void to_integral_float(Warp& w, const Instruction& i, uint32_t mask) {
  auto* d = w.row<typename F::Row>(i.op[0]);
  const auto* a = w.row<typename F::Row>(i.op[1]);
  for_lanes(mask, [&](uint32_t lane) {
    const double value = F::load(a[lane]);
    d[lane] = F::store(to_integral(i.detail & kFlush ? flush(static_cast<float>(value)) : value, rounding_of(i)), Rounding::nearest_even);
  });
}

template <class D, class S>
typename D::Row float_saturated(typename S::Row raw) {
  const double value = S::load(raw);
  return D::store(value > 0 ? std::min(value, 1.0) : 0.0, Rounding::nearest_even);
}

template <auto F, class D, class S>
void loop(Warp& w, const Instruction& i, uint32_t mask) {
  D* d = w.row<D>(i.op[0]);
  const S* a = w.row<S>(i.op[1]);
  for_lanes(mask, [&](uint32_t lane) { d[lane] = F(a[lane]); });
}

template <class T>
std::string destination() { return sizeof(T) == 8 ? "D" : "e"; }
template <class T>
std::string source() { return sizeof(T) == 8 ? "A" : "b"; }

template <class D>
Form form(std::string shape, Handler handler, uint16_t detail = 0) {
  Form result;
  result.shape = std::move(shape), result.handler = handler, result.detail = detail;
  result.extends_sign = std::is_signed_v<D>;
  return result;
}

struct Mode {
  std::string name;
  Rounding rounding;
  uint16_t detail() const { return static_cast<uint16_t>(rounding); }
};
const Mode kModes[] = {{"rn", Rounding::nearest_even}, {"rz", Rounding::to_zero}, {"rm", Rounding::down}, {"rp", Rounding::up}};

template <class D, class S>
void add_integers(Forms& forms, const std::string& d, const std::string& s) {
  const std::string shape = destination<D>() + source<S>();
  forms.add("cvt." + d + "." + s, form<D>(shape, apply1<convert<D, S>, D, S>));
  forms.add("cvt.sat." + d + "." + s, form<D>(shape, apply1<convert_saturating<D, S>, D, S>));
}

template <class I, class F>
void add_int_floats(Forms& forms, const std::string& i, const std::string& f) {
  using Row = typename F::Row;
  const std::string to_int = destination<I>() + source<Row>(), to_float = (sizeof(Row) == 8 ? "D" : "d") + source<I>();
  for (const Mode& mode : kModes) {
    for (const std::string saturate : {"", ".sat"}) {
      const std::string types = saturate + "." + i + "." + f;
      forms.add("cvt." + mode.name + "i" + types, form<I>(to_int, int_from_float<I, F>, mode.detail()));
      if (f == "f32") forms.add("cvt." + mode.name + "i.ftz" + types, form<I>(to_int, int_from_float<I, F>, mode.detail() | kFlush));
    }
    forms.add("cvt." + mode.name + "." + f + "." + i, form<uint32_t>(to_float, float_from_int<F, I>, mode.detail()));
  }
}

template <class I>
void add_integer(Forms& forms, const std::string& i) {
  add_integers<I, uint8_t>(forms, i, "u8"), add_integers<I, int8_t>(forms, i, "s8");
  add_integers<I, uint16_t>(forms, i, "u16"), add_integers<I, int16_t>(forms, i, "s16");
  add_integers<I, uint32_t>(forms, i, "u32"), add_integers<I, int32_t>(forms, i, "s32");
  add_integers<I, uint64_t>(forms, i, "u64"), add_integers<I, int64_t>(forms, i, "s64");
  add_int_floats<I, F32>(forms, i, "f32"), add_int_floats<I, F64>(forms, i, "f64");
  add_int_floats<I, F16>(forms, i, "f16"), add_int_floats<I, Bf16>(forms, i, "bf16");
}

template <class D, class S>
void add_narrowing(Forms& forms, const std::string& d, const std::string& s) {
  const std::string shape = std::string(sizeof(typename D::Row) == 8 ? "D" : "d") + (sizeof(typename S::Row) == 8 ? "A" : "a");
  for (const Mode& mode : kModes) {
    forms.add("cvt." + mode.name + "." + d + "." + s, form<uint32_t>(shape, float_from_float<D, S>, mode.detail()));
    if (d == "f64" || s == "f64") continue;
    forms.add("cvt." + mode.name + ".relu." + d + "." + s, form<uint32_t>(shape, float_from_float<D, S>, mode.detail() | kRelu));
  }
}

template <class D, class S>
void add_widening(Forms& forms, const std::string& d, const std::string& s) {
  const std::string shape = std::string(sizeof(typename D::Row) == 8 ? "D" : "d") + "a";
  forms.add("cvt." + d + "." + s, shape, float_from_float<D, S>);
  forms.add("cvt.sat." + d + "." + s, shape, loop<float_saturated<D, S>, typename D::Row, typename S::Row>);
}

template <class F>
void add_integral(Forms& forms, const std::string& f) {
  using Row = typename F::Row;
  const std::string type = "." + f + "." + f, shape = sizeof(Row) == 8 ? "DA" : "da";
  for (const Mode& mode : kModes) {
    forms.add("cvt." + mode.name + "i" + type, form<uint32_t>(shape, to_integral_float<F>, mode.detail()));
    if (f == "f32") forms.add("cvt." + mode.name + "i.ftz" + type, form<uint32_t>(shape, to_integral_float<F>, mode.detail() | kFlush));
  }
  forms.add("cvt.sat" + type, shape, loop<float_saturated<F, F>, Row, Row>);
}

uint32_t widen_flushed(uint32_t raw) { return std::bit_cast<uint32_t>(flush(static_cast<float>(F16::load(raw)))); }
uint64_t double_of_flushed(uint32_t raw) { return std::bit_cast<uint64_t>(static_cast<double>(flush(std::bit_cast<float>(raw)))); }
uint32_t float_flushed_of_double(uint64_t raw) {
  return std::bit_cast<uint32_t>(flush(narrow(std::bit_cast<double>(raw), Rounding::nearest_even)));
}
uint32_t half_of_flushed(uint32_t raw) { return f32_to_f16(flush(std::bit_cast<float>(raw))); }

// The same as the general ones, for all lanes at once: kernels spend their time in these.
constexpr uint32_t quick_f32_of_f16(uint32_t raw) { return f32_of_f16(raw & 0xffff); }
constexpr uint32_t quick_f32_of_bf16(uint32_t raw) { return (raw & 0x7fff) > 0x7f80 ? 0x7fffffff : raw << 16; }

template <class I>
constexpr float quick_float(I value) { return static_cast<float>(value); }

void add_quick(Forms& forms) {
  forms.add("cvt.rn.f32.s32", "da", apply1<quick_float<int32_t>, float, int32_t>);
  forms.add("cvt.rn.f32.u32", "da", apply1<quick_float<uint32_t>, float, uint32_t>);
  forms.add("cvt.f32.f16", "da", apply1<quick_f32_of_f16, uint32_t, uint32_t>);
  forms.add("cvt.f32.bf16", "da", apply1<quick_f32_of_bf16, uint32_t, uint32_t>);
  forms.add("cvt.rn.bf16.f32", "da", apply1<nearest_bf16, uint32_t, uint32_t>);
}

}  // namespace

void add_convert_forms(Forms& forms) {
  add_quick(forms);  // first: what is there stays
  add_integer<uint8_t>(forms, "u8"), add_integer<int8_t>(forms, "s8");
  add_integer<uint16_t>(forms, "u16"), add_integer<int16_t>(forms, "s16");
  add_integer<uint32_t>(forms, "u32"), add_integer<int32_t>(forms, "s32");
  add_integer<uint64_t>(forms, "u64"), add_integer<int64_t>(forms, "s64");
  add_narrowing<F16, F32>(forms, "f16", "f32"), add_narrowing<Bf16, F32>(forms, "bf16", "f32");
  add_narrowing<F16, F64>(forms, "f16", "f64"), add_narrowing<Bf16, F64>(forms, "bf16", "f64");
  add_narrowing<F32, F64>(forms, "f32", "f64");
  add_narrowing<Bf16, F16>(forms, "bf16", "f16"), add_narrowing<F16, Bf16>(forms, "f16", "bf16");
  add_widening<F32, F16>(forms, "f32", "f16"), add_widening<F32, Bf16>(forms, "f32", "bf16");
  add_widening<F64, F32>(forms, "f64", "f32"), add_widening<F64, F16>(forms, "f64", "f16"), add_widening<F64, Bf16>(forms, "f64", "bf16");
  add_integral<F32>(forms, "f32"), add_integral<F64>(forms, "f64"), add_integral<F16>(forms, "f16"), add_integral<Bf16>(forms, "bf16");
  forms.add("cvt.ftz.f32.f16", "da", loop<widen_flushed, uint32_t, uint32_t>);
  forms.add("cvt.ftz.f64.f32", "Da", loop<double_of_flushed, uint64_t, uint32_t>);
  forms.add("cvt.rn.ftz.f32.f64", "dA", loop<float_flushed_of_double, uint32_t, uint64_t>);
  forms.add("cvt.rn.ftz.f16.f32", "da", loop<half_of_flushed, uint32_t, uint32_t>);
}

}  // namespace yoke::emulator
