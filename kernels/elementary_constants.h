// The constants of exp_f32, tanh_f32, erf_f32 and log_f64, shared by the forms of each so that they cannot drift apart.
#pragma once

namespace yoke::kernels::exp_constants {

inline constexpr float kHighest = 89.0f;   // e^89 is already infinite
inline constexpr float kLowest = -104.0f;  // e^-104 < 2^-150 is already 0
inline constexpr float kLog2E = 0x1.715476p+0f;
inline constexpr float kRound = 0x1.8p23f;  // adding it rounds to an integer, which then stands in the low bits
inline constexpr float kLn2High = 0x1.62p-1f;  // ln 2 in two parts; the high one has 9 bits, so that n * kLn2High is exact
inline constexpr float kLn2Low = 0x1.c85fep-10f;
// e^r = 1 + r + r^2 q(r): q interpolated at the Chebyshev points of |r| <= ln(2) / 2, relative error of e^r below 4e-9.
inline constexpr float kQ0 = 0.5f;
inline constexpr float kQ1 = 0.166665769f;
inline constexpr float kQ2 = 0.0416665545f;
inline constexpr float kQ3 = 0.00836319488f;
inline constexpr float kQ4 = 0.00139262034f;

}  // namespace yoke::kernels::exp_constants

namespace yoke::kernels::tanh_constants {

inline constexpr float kSmall = 0.625f;  // from here on 1 - 2 / (e^2x + 1): the quotient is below 0.45, its error below 1 ulp of tanh
// tanh x = x + x^3 q(x^2): q interpolated at the Chebyshev points of [0, kSmall^2], relative error of tanh below 2e-8.
inline constexpr float kSeries[] = {-0.333333289f, 0.133327698f, -0.0538509096f, 0.0209971790f, -0.00609671416f};

}  // namespace yoke::kernels::tanh_constants

namespace yoke::kernels::erf_constants {

inline constexpr float kSmall = 0.875f;
inline constexpr float kHighest = 4.0f;  // 1 - erf(4) < 2^-25: rounds to 1
// erf x = x + x q(x^2): q interpolated at the Chebyshev points of [0, kSmall^2], error below 3e-10.
inline constexpr float kSeries[] = {0.128379167f,    -0.376126362f,    0.112837352f,    -0.0268617058f,
                                    0.00520704891f, -0.000821457088f, 0.0000869036886f};
// log(1 - erf x) interpolated at the Chebyshev points of [kSmall, kHighest]; error of erf below 5e-9.
inline constexpr float kLogErfc[] = {0.000315154150f, -1.13021881f,    -0.631842422f,   -0.110071846f,    0.0264200154f,
                                     -0.00476028572f, 0.000597151543f, -0.0000461192284f, 0.00000164111440f};

}  // namespace yoke::kernels::erf_constants

namespace yoke::kernels::log_f64_constants {

inline constexpr double kLn2High = 0x1.62e42fefa39efp-1;  // ln 2 to 106 bits, in two parts
inline constexpr double kLn2Low = 0x1.abc9e3b39803fp-56;
inline constexpr unsigned long long kSqrtHalf = 0x3FE6A09E667F3BCD;  // bits: so that the mantissa falls into [sqrt(1/2), sqrt(2))
inline constexpr int kTerms = 12;  // of 2 atanh(s) beyond the first: s^2i 2 / (2i + 1); |s| <= 0.1716, so s^26 / 27 is below 1e-21

}  // namespace yoke::kernels::log_f64_constants
