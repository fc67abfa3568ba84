// Functions of double, by range reduction with fma and polynomials of our own. Every step is one correctly rounded operation,
// so the result is the same on every machine.
#include "kernels/elementary.h"
#include "kernels/elementary_constants.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace yoke::kernels {
namespace {

constexpr double kLn2HighF64 = log_f64_constants::kLn2High;
constexpr double kLn2LowF64 = log_f64_constants::kLn2Low;
constexpr double kHalfPiHigh = 0x1.921fb54442d18p+0;  // pi / 2, likewise
constexpr double kHalfPiLow = 0x1.1a62633145c07p-54;
constexpr double kRoundF64 = 0x1.8p52;  // adding it rounds to an integer, which then stands in the low bits

constexpr double inverse_factorial(int n) {
  double value = 1;
  for (int i = 2; i <= n; ++i) value *= i;  // exact up to 18!, above within 1 ulp
  return 1 / value;
}

// sum over i < terms of x2^i * c_i with c_i = sign^i / (first + 2i)!: the Taylor series of sine and cosine.
double alternating_series(double x2, int first, int terms) {
  double sum = 0;
  for (int i = terms - 1; i >= 0; --i) {
    const double c = inverse_factorial(first + 2 * i);
    sum = std::fma(sum, x2, i % 2 == 0 ? c : -c);
  }
  return sum;
}

// On |r| <= pi / 4; the first term left out is below 1e-19.
double sin_near_zero(double r) { return r * alternating_series(r * r, 1, 9); }
double cos_near_zero(double r) { return alternating_series(r * r, 0, 10); }

struct Quadrant {
  double rest;      // x - quarters * pi / 2
  uint64_t quarters;
};

// fma keeps n * pi / 2 whole while it cancels against x; what the two parts lack of pi / 2 times 2^24 is below 1e-25.
Quadrant reduce_quadrant(double x) {
  const double shifted = std::fma(x, 0x1.45f306dc9c883p-1, kRoundF64);  // 2 / pi
  const double n = shifted - kRoundF64;
  const double rest = std::fma(-n, kHalfPiLow, std::fma(-n, kHalfPiHigh, x));
  return {rest, std::bit_cast<uint64_t>(shifted) & 3u};
}

double power_of_two(int64_t n) { return std::bit_cast<double>(static_cast<uint64_t>(n + 1023) << 52); }

// log(1 + f) for 1 + f in [sqrt(1/2), sqrt(2)]: 2 atanh(s) with s = f / (2 + f).
double log_near_one(double f) {
  const double s = f / (2 + f);
  const double s2 = s * s;
  double sum = 0;
  for (int i = log_f64_constants::kTerms; i >= 1; --i) sum = std::fma(sum, s2, 2.0 / (2 * i + 1));
  // 2 s = f - s f, so that the leading f carries no rounding.
  return f - s * (f - s2 * sum);
}

}  // namespace

double sin_f64(double x) {
  const Quadrant q = reduce_quadrant(x);
  const double value = q.quarters % 2 == 0 ? sin_near_zero(q.rest) : cos_near_zero(q.rest);
  return q.quarters >= 2 ? -value : value;
}

double cos_f64(double x) {
  const Quadrant q = reduce_quadrant(x);
  const double value = q.quarters % 2 == 0 ? cos_near_zero(q.rest) : sin_near_zero(q.rest);
  return q.quarters == 1 || q.quarters == 2 ? -value : value;
}

double exp_f64(double x) {
  x = x > 710.0 ? 710.0 : x;
  x = x < -746.0 ? -746.0 : x;
  const double shifted = std::fma(x, 0x1.71547652b82fep+0, kRoundF64);  // 1 / ln 2
  const double n = shifted - kRoundF64;
  const double r = std::fma(-n, kLn2LowF64, std::fma(-n, kLn2HighF64, x));
  double sum = 0;
  for (int i = 14; i >= 2; --i) sum = std::fma(sum, r, inverse_factorial(i));  // r^15 / 15! is below 1e-19
  const double p = std::fma(sum, r * r, r) + 1.0;
  const int64_t power =
      static_cast<int64_t>(std::bit_cast<uint64_t>(shifted) - std::bit_cast<uint64_t>(kRoundF64));
  const int64_t half = power >> 1;
  return p * power_of_two(half) * power_of_two(power - half);
}

double log_f64(double x) {
  if (!(x > 0)) return x == 0 ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  if (x == std::numeric_limits<double>::infinity()) return x;
  int64_t exponent = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    exponent = -54;
  }
  constexpr uint64_t kSqrtHalf = log_f64_constants::kSqrtHalf;
  const uint64_t bits = std::bit_cast<uint64_t>(x) + (0x3FF0000000000000u - kSqrtHalf);
  exponent += static_cast<int64_t>(bits >> 52) - 1023;
  const double f = std::bit_cast<double>((bits & 0xFFFFFFFFFFFFFu) + kSqrtHalf) - 1.0;
  const double k = static_cast<double>(exponent);
  return std::fma(k, kLn2HighF64, std::fma(k, kLn2LowF64, log_near_one(f)));
}

double pow_f64(double base, double exponent) {
  const double l = log_f64(base);
  const double product = exponent * l;
  const double rounding = std::fma(exponent, l, -product);
  const double power = exp_f64(product);
  return std::fma(power, rounding, power);
}

}  // namespace yoke::kernels
