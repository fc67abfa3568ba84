#include "node/forward/rope.h"

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

double scaled_frequency(const model::Rope& rope, double f) {
  switch (rope.scaling) {
    case model::RopeScaling::none: return f;
    case model::RopeScaling::linear: return f / rope.factor;
    case model::RopeScaling::llama3: return llama3_frequency(rope, f);
  }
  return f;
}

}  // namespace

std::vector<float> rope_frequencies(const model::Rope& rope, int64_t head_dim, const float* divisors) {
  std::vector<float> frequencies(static_cast<size_t>(head_dim / 2));
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double exponent = static_cast<double>(2 * i) / static_cast<double>(head_dim);
    const float unscaled = static_cast<float>(1.0 / kernels::pow_f64(rope.theta, exponent));
    frequencies[i] = static_cast<float>(scaled_frequency(rope, unscaled));
    if (divisors != nullptr) frequencies[i] /= divisors[i];
  }
  return frequencies;
}

void rope_angles(std::span<const float> frequencies, std::span<const int64_t> positions, float* cos, float* sin) {
  for (const int64_t position : positions) {
    for (const float frequency : frequencies) {
      const float angle = static_cast<float>(position) * frequency;
      *cos++ = static_cast<float>(kernels::cos_f64(angle));
      *sin++ = static_cast<float>(kernels::sin_f64(angle));
    }
  }
}

}  // namespace yoke::node::forward
