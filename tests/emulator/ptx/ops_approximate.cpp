// The .approx instructions: correctly rounded (to within the double it is computed in), then moved by up to the error that the PTX ISA
// states, if the run asks for noise. Special values are never moved.
#include <cmath>
#include <numbers>

#include "tests/emulator/ptx/forms.h"
#include "tests/emulator/ptx/lanes.h"
#include "tests/emulator/ptx/number_formats.h"

namespace yoke::emulator {
namespace {

struct Bound {
  double relative, absolute;
};
// PTX ISA 9.0: 2^-22 to 2^-22.5 relative for ex2, rsqrt; rcp and div 1 and 2 ulp; lg2 and sin, cos absolute near where they vanish;
// tanh 2^-11.
constexpr Bound kFull{0x1p-22, 0}, kTwoUlp{0x1p-22, 0}, kLog{0x1p-22, 0x1p-22}, kSine{0, 0x1p-20}, kTanh{0x1p-11, 0};

double uniform(uint64_t& state) {  // in [-1, 1), xorshift64*
  state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
  return static_cast<double>(static_cast<int64_t>(state * 0x2545f4914f6cdd1d)) * 0x1p-63;
}

float flush(float value) { return std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(0.0f, value) : value; }

double ex2(double x) { return std::exp2(x); }
double lg2(double x) { return std::log2(x); }
double sine(double x) { return std::sin(x); }
double cosine(double x) { return std::cos(x); }
double tangent(double x) { return std::tanh(x); }
double reciprocal(double x) { return 1 / x; }
double root(double x) { return std::sqrt(x); }
double reciprocal_root(double x) { return 1 / std::sqrt(x); }

double disturb(double exact, const Bound& bound, uint64_t& noise) {
  if (noise == 0 || !std::isfinite(exact) || exact == 0) return exact;
  return exact + uniform(noise) * std::max(bound.relative * std::fabs(exact), bound.absolute);
}

float finish(double value, bool ftz) {
  const auto result = static_cast<float>(value);
  if (std::isnan(result)) return std::bit_cast<float>(0x7fffffffu);
  return ftz ? flush(result) : result;
}

template <double (*F)(double), const Bound& bound, bool ftz>
void approximate(Warp& w, const Instruction& i, uint32_t mask) {
  uint32_t* d = w.row<uint32_t>(i.op[0]);
  const uint32_t* a = w.row<uint32_t>(i.op[1]);
  for_lanes(mask, [&](uint32_t lane) {
    const float x = std::bit_cast<float>(a[lane]);
    d[lane] = std::bit_cast<uint32_t>(finish(disturb(F(ftz ? flush(x) : x), bound, w.block->noise), ftz));
  });
}

template <bool ftz>
void divide(Warp& w, const Instruction& i, uint32_t mask) {
  uint32_t* d = w.row<uint32_t>(i.op[0]);
  const uint32_t *a = w.row<uint32_t>(i.op[1]), *b = w.row<uint32_t>(i.op[2]);
  for_lanes(mask, [&](uint32_t lane) {
    const float x = std::bit_cast<float>(a[lane]), y = std::bit_cast<float>(b[lane]);
    const double exact = static_cast<double>(ftz ? flush(x) : x) / static_cast<double>(ftz ? flush(y) : y);
    d[lane] = std::bit_cast<uint32_t>(finish(disturb(exact, kTwoUlp, w.block->noise), ftz));
  });
}

// f16 and bf16 have errors of about their last bit, which correct rounding is within.
template <double (*F)(double), bool brain, bool pair>
void approximate_half(Warp& w, const Instruction& i, uint32_t mask) {
  uint32_t* d = w.row<uint32_t>(i.op[0]);
  const uint32_t* a = w.row<uint32_t>(i.op[1]);
  const auto one = [](uint32_t code) -> uint16_t {
    const auto half = static_cast<uint16_t>(code);
    return brain ? f64_to_bf16(F(bf16_to_f32(half))) : f64_to_f16(F(f16_to_f32(half)));
  };
  for_lanes(mask, [&](uint32_t lane) { d[lane] = pair ? pack_halves(one(a[lane]), one(a[lane] >> 16)) : one(a[lane]); });
}

template <double (*F)(double), const Bound& bound>
void add_both(Forms& forms, const std::string& name) {
  forms.add(name + ".approx.f32", "da", approximate<F, bound, false>);
  forms.add(name + ".approx.ftz.f32", "da", approximate<F, bound, true>);
}

template <double (*F)(double)>
void add_halves(Forms& forms, const std::string& name, const std::string& brain_flush) {
  forms.add(name + ".approx.f16", "da", approximate_half<F, false, false>);
  forms.add(name + ".approx.f16x2", "da", approximate_half<F, false, true>);
  forms.add(name + ".approx" + brain_flush + ".bf16", "da", approximate_half<F, true, false>);
  forms.add(name + ".approx" + brain_flush + ".bf16x2", "da", approximate_half<F, true, true>);
}

}  // namespace

void add_approximate_forms(Forms& forms) {
  add_both<ex2, kFull>(forms, "ex2");
  add_both<lg2, kLog>(forms, "lg2");
  add_both<reciprocal, kFull>(forms, "rcp");
  add_both<root, kFull>(forms, "sqrt");
  add_both<reciprocal_root, kFull>(forms, "rsqrt");
  add_both<sine, kSine>(forms, "sin");
  add_both<cosine, kSine>(forms, "cos");
  forms.add("tanh.approx.f32", "da", approximate<tangent, kTanh, false>);
  for (const char* how : {"approx", "full"}) {
    forms.add("div." + std::string(how) + ".f32", "daa", divide<false>);
    forms.add("div." + std::string(how) + ".ftz.f32", "daa", divide<true>);
  }
  add_halves<ex2>(forms, "ex2", ".ftz");
  add_halves<tangent>(forms, "tanh", "");
}

}  // namespace yoke::emulator
