#include "node/forward/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/elementary.h"

namespace yoke::node::forward {
namespace {

double llama3_frequency(const model::Rope& rope, double f) {
  const double context = static_cast<double>(rope.original_context);
  const double wavelength = 2.0 * std::numbers::pi / f;
  if (wavelength < context / rope.high_freq_factor) return f;
  if (wavelength > context / rope.low_freq_factor) return f / rope.factor;
  const double smooth = (context / wavelength - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
  return (1.0 - smooth) * (f / rope.factor) + smooth * f;
}

// The pair that turns `turns` times within the original context, as a real number.
double yarn_pair(const model::Rope& rope, double turns) {
  const double context = static_cast<double>(rope.original_context), dims = static_cast<double>(rope.dims);
  return dims * kernels::log_f64(context / (turns * 2.0 * std::numbers::pi)) / (2.0 * kernels::log_f64(rope.theta));
}

// Pairs before `begin` stay, those behind `end` are divided by the factor.
struct Ramp {
  double begin, end;
};

Ramp yarn_ramp(const model::Rope& rope) {
  double begin = yarn_pair(rope, rope.beta_fast), end = yarn_pair(rope, rope.beta_slow);
  if (rope.truncate) {
    begin = std::floor(begin);
    end = std::ceil(end);
  }
  begin = std::max(begin, 0.0);
  end = std::min(end, static_cast<double>(rope.dims - 1));
  return {begin, begin == end ? end + 0.001 : end};
}

double yarn_frequency(const model::Rope& rope, double f, size_t pair) {
  const Ramp ramp = yarn_ramp(rope);
  const double divided = std::clamp((static_cast<double>(pair) - ramp.begin) / (ramp.end - ramp.begin), 0.0, 1.0);
  return f / rope.factor * divided + f * (1.0 - divided);
}

double scaled_frequency(const model::Rope& rope, double f, size_t pair) {
  switch (rope.scaling) {
    case model::RopeScaling::none: return f;
    case model::RopeScaling::linear: return f / rope.factor;
    case model::RopeScaling::llama3: return llama3_frequency(rope, f);
    case model::RopeScaling::yarn: return yarn_frequency(rope, f, pair);
  }
  return f;
}

}  // namespace

std::vector<float> rope_frequencies(const model::Rope& rope, const float* divisors) {
  std::vector<float> frequencies(static_cast<size_t>(rope.dims / 2));
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double exponent = static_cast<double>(2 * i) / static_cast<double>(rope.dims);
    const float unscaled = static_cast<float>(1.0 / kernels::pow_f64(rope.theta, exponent));
    frequencies[i] = static_cast<float>(scaled_frequency(rope, unscaled, i));
    if (divisors != nullptr) frequencies[i] /= divisors[i];
  }
  return frequencies;
}

void rope_angles(std::span<const float> frequencies, std::span<const int64_t> positions, float factor, float* cos, float* sin) {
  for (const int64_t position : positions) {
    for (const float frequency : frequencies) {
      const float angle = static_cast<float>(position) * frequency;
      *cos++ = static_cast<float>(kernels::cos_f64(angle)) * factor;
      *sin++ = static_cast<float>(kernels::sin_f64(angle)) * factor;
    }
  }
}

}  // namespace yoke::node::forward
