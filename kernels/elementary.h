// exp, log, tanh, erf, sin, cos and pow that give the same bits on every machine (docs/bits.md rule 1: libm promises no equal bits).
// Scalar; kernels/cpu has vector forms of exp_f32, tanh_f32 and erf_f32 that agree with them bit for bit.
#pragma once

#include <span>

namespace yoke::kernels {

float exp_f32(float x);     // within 2 ulp; 0 below -104, +inf above 88.73; NaN stays NaN
// y[i] = exp_f32(x[i] - shift): the same bits, with the machine's vectors; for a slice of the vocabulary. Sizes are equal.
void exp_f32(std::span<const float> x, float shift, std::span<float> y);
float log_f32(float x);     // within 2 ulp for x > 0
float tanh_f32(float x);    // within 2 ulp; NaN stays NaN
float erf_f32(float x);     // likewise
inline constexpr float kSqrt2 = 0x1.6a09e6p+0f;
double sin_f64(double x);   // |x| <= 2^24, error below 1e-12: enough for f32 results to be right
double cos_f64(double x);
double pow_f64(double base, double exponent);  // base > 0; relative error below 1e-13 where the result is between 1e-130 and 1e130
double exp_f64(double x);
double log_f64(double x);

}  // namespace yoke::kernels
