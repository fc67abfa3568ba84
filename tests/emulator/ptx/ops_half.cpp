// f16 and bf16 arithmetic, one or two to a register. Sums and products of two are exact in double, so each result is rounded once.
#include <cmath>

#include "tests/emulator/ptx/forms.h"
#include "tests/emulator/ptx/lanes.h"
#include "tests/emulator/ptx/number_formats.h"

namespace yoke::emulator {
namespace {

struct F16 {
  static constexpr uint16_t kNan = 0x7fff, kInfinity = 0x7c00, kOne = 0x3c00;
  static double load(uint16_t code) { return f16_to_f32(code); }
  static uint16_t store(double value) { return f64_to_f16(value); }
  static uint16_t fma(uint16_t a, uint16_t b, uint16_t c) { return f16_fma(a, b, c); }
  static uint16_t flush(uint16_t code) { return (code & 0x7c00) == 0 ? code & 0x8000 : code; }
};
struct Bf16 {
  static constexpr uint16_t kNan = 0x7fff, kInfinity = 0x7f80, kOne = 0x3f80;
  static double load(uint16_t code) { return bf16_to_f32(code); }
  static uint16_t store(double value) { return f64_to_bf16(value); }
  static uint16_t fma(uint16_t a, uint16_t b, uint16_t c) { return bf16_fma(a, b, c); }
  static uint16_t flush(uint16_t code) { return (code & 0x7f80) == 0 ? code & 0x8000 : code; }
};

template <class H>
bool is_nan(uint16_t code) { return (code & 0x7fff) > H::kInfinity; }

// What follows the operation.
enum class Then { nothing, flush, saturate, relu };

template <class H, Then then>
uint16_t finish(uint16_t code) {
  if (is_nan<H>(code)) return then == Then::saturate ? 0 : H::kNan;
  if (then == Then::flush) return H::flush(code);
  if (then == Then::relu) return code & 0x8000 ? 0 : code;
  if (then == Then::saturate) return code & 0x8000 ? 0 : std::min(code, H::kOne);
  return code;
}
template <class H, Then then>
uint16_t begin(uint16_t code) { return then == Then::flush ? H::flush(code) : code; }

template <class H, Then t>
uint16_t add(uint16_t a, uint16_t b) { return finish<H, t>(H::store(H::load(begin<H, t>(a)) + H::load(begin<H, t>(b)))); }
template <class H, Then t>
uint16_t sub(uint16_t a, uint16_t b) { return finish<H, t>(H::store(H::load(begin<H, t>(a)) - H::load(begin<H, t>(b)))); }
template <class H, Then t>
uint16_t mul(uint16_t a, uint16_t b) { return finish<H, t>(H::store(H::load(begin<H, t>(a)) * H::load(begin<H, t>(b)))); }
template <class H, Then t>
uint16_t fused(uint16_t a, uint16_t b, uint16_t c) {
  return finish<H, t>(H::fma(begin<H, t>(a), begin<H, t>(b), begin<H, t>(c)));
}

template <class H, bool greatest, bool nan>
uint16_t extreme(uint16_t a, uint16_t b) {
  if (is_nan<H>(a) || is_nan<H>(b)) {
    if (nan || (is_nan<H>(a) && is_nan<H>(b))) return H::kNan;
    return is_nan<H>(a) ? b : a;
  }
  const double x = H::load(a), y = H::load(b);
  const bool a_less = x < y || (x == y && (a & 0x8000));
  return a_less == greatest ? b : a;
}
inline uint16_t negate(uint16_t a) { return a ^ 0x8000; }
inline uint16_t absolute(uint16_t a) { return a & 0x7fff; }

template <auto F>
void one(Warp& w, const Instruction& i, uint32_t mask) {
  uint32_t* d = w.row<uint32_t>(i.op[0]);
  const uint32_t* a = w.row<uint32_t>(i.op[1]);
  for_lanes(mask, [&](uint32_t l) { d[l] = F(low_half(a[l])); });
}
template <auto F>
void one_pair(Warp& w, const Instruction& i, uint32_t mask) {
  uint32_t* d = w.row<uint32_t>(i.op[0]);
  const uint32_t* a = w.row<uint32_t>(i.op[1]);
  for_lanes(mask, [&](uint32_t l) { d[l] = pack_halves(F(low_half(a[l])), F(high_half(a[l]))); });
}
template <auto F>
void two(Warp& w, const Instruction& i, uint32_t mask) {
  uint32_t* d = w.row<uint32_t>(i.op[0]);
  const uint32_t *a = w.row<uint32_t>(i.op[1]), *b = w.row<uint32_t>(i.op[2]);
  for_lanes(mask, [&](uint32_t l) { d[l] = F(low_half(a[l]), low_half(b[l])); });
}
template <auto F>
void two_pair(Warp& w, const Instruction& i, uint32_t mask) {
  uint32_t* d = w.row<uint32_t>(i.op[0]);
  const uint32_t *a = w.row<uint32_t>(i.op[1]), *b = w.row<uint32_t>(i.op[2]);
  for_lanes(mask, [&](uint32_t l) { d[l] = pack_halves(F(low_half(a[l]), low_half(b[l])), F(high_half(a[l]), high_half(b[l]))); });
}
template <auto F>
void three(Warp& w, const Instruction& i, uint32_t mask) {
  uint32_t* d = w.row<uint32_t>(i.op[0]);
  const uint32_t *a = w.row<uint32_t>(i.op[1]), *b = w.row<uint32_t>(i.op[2]), *c = w.row<uint32_t>(i.op[3]);
  for_lanes(mask, [&](uint32_t l) { d[l] = F(low_half(a[l]), low_half(b[l]), low_half(c[l])); });
}
template <auto F>
void three_pair(Warp& w, const Instruction& i, uint32_t mask) {
  uint32_t* d = w.row<uint32_t>(i.op[0]);
  const uint32_t *a = w.row<uint32_t>(i.op[1]), *b = w.row<uint32_t>(i.op[2]), *c = w.row<uint32_t>(i.op[3]);
  for_lanes(mask, [&](uint32_t l) {
    d[l] = pack_halves(F(low_half(a[l]), low_half(b[l]), low_half(c[l])), F(high_half(a[l]), high_half(b[l]), high_half(c[l])));
  });
}

template <auto F>
void add_two(Forms& forms, const std::string& name, const std::string& type) {
  forms.add(name + "." + type, "daa", two<F>);
  forms.add(name + "." + type + "x2", "daa", two_pair<F>);
}

template <class H, Then then>
void add_arithmetic(Forms& forms, const std::string& suffix, const std::string& type) {
  if (then != Then::relu) {
    for (const std::string& rounding : {std::string(), std::string(".rn")}) {
      add_two<add<H, then>>(forms, "add" + rounding + suffix, type);
      add_two<sub<H, then>>(forms, "sub" + rounding + suffix, type);
      add_two<mul<H, then>>(forms, "mul" + rounding + suffix, type);
    }
  }
  forms.add("fma.rn" + suffix + "." + type, "daaa", three<fused<H, then>>);
  forms.add("fma.rn" + suffix + "." + type + "x2", "daaa", three_pair<fused<H, then>>);
}

template <class H>
void add_type(Forms& forms, const std::string& type) {
  add_arithmetic<H, Then::nothing>(forms, "", type);
  add_arithmetic<H, Then::relu>(forms, ".relu", type);
  if (type == "f16") {
    add_arithmetic<H, Then::flush>(forms, ".ftz", type);
    add_arithmetic<H, Then::saturate>(forms, ".sat", type);
  }
  add_two<extreme<H, false, false>>(forms, "min", type);
  add_two<extreme<H, true, false>>(forms, "max", type);
  add_two<extreme<H, false, true>>(forms, "min.NaN", type);
  add_two<extreme<H, true, true>>(forms, "max.NaN", type);
  forms.add("neg." + type, "da", one<negate>);
  forms.add("neg." + type + "x2", "da", one_pair<negate>);
  forms.add("abs." + type, "da", one<absolute>);
  forms.add("abs." + type + "x2", "da", one_pair<absolute>);
}

// Sums, differences and products of two bf16, for all lanes at once. f32 has more than twice the bits of bf16 and two, so rounding there
// first changes nothing, except where a product is subnormal; then the general handler does it.
enum class Op { add, sub, mul };

template <Op O>
float operate(uint32_t a, uint32_t b) {
  const float x = std::bit_cast<float>(a), y = std::bit_cast<float>(b);
  return O == Op::add ? x + y : O == Op::sub ? x - y : x * y;
}

template <Op O, Handler general>
void quick_pair(Warp& w, const Instruction& i, uint32_t mask) {
  const uint32_t *a = w.row<uint32_t>(i.op[1]), *b = w.row<uint32_t>(i.op[2]);
  uint32_t made[32], small = 0;
  for (uint32_t lane = 0; lane < 32; ++lane) {
    const float low = operate<O>(a[lane] << 16, b[lane] << 16), high = operate<O>(a[lane] & 0xffff0000, b[lane] & 0xffff0000);
    made[lane] = nearest_bf16(std::bit_cast<uint32_t>(high)) << 16 | nearest_bf16(std::bit_cast<uint32_t>(low));
    if (O == Op::mul) {
      // A small result of sources neither of which is zero.
      const bool low_small = std::fabs(low) < 0x1p-126f && (a[lane] & 0x7fff) && (b[lane] & 0x7fff);
      const bool high_small = std::fabs(high) < 0x1p-126f && (a[lane] & 0x7fff0000) && (b[lane] & 0x7fff0000);
      small |= static_cast<uint32_t>(low_small | high_small);
    }
  }
  if (small) return general(w, i, mask);
  blend(w.row<uint32_t>(i.op[0]), made, mask);
}

template <Op O, Handler general>
void add_quick(Forms& forms, const std::string& name) {
  forms.add(name + ".bf16x2", "daa", quick_pair<O, general>);
  forms.add(name + ".rn.bf16x2", "daa", quick_pair<O, general>);
}

}  // namespace

void add_half_forms(Forms& forms) {
  add_quick<Op::add, two_pair<add<Bf16, Then::nothing>>>(forms, "add");  // first: what is there stays
  add_quick<Op::sub, two_pair<sub<Bf16, Then::nothing>>>(forms, "sub");
  add_quick<Op::mul, two_pair<mul<Bf16, Then::nothing>>>(forms, "mul");
  add_type<F16>(forms, "f16");
  add_type<Bf16>(forms, "bf16");
}

}  // namespace yoke::emulator
