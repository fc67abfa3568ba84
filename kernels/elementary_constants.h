// The constants of exp_f32, shared by the scalar form and the vector form so that they cannot drift apart.
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
