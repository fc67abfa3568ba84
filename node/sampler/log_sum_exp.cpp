#include "node/sampler/log_sum_exp.h"

#include <algorithm>

#include "kernels/elementary.h"

namespace yoke::node::sampler {

LogSumExp log_sum_exp(std::span<const float> values) {
  LogSumExp result;
  for (const float value : values) result.max = value > result.max ? value : result.max;
  for (const float value : values) result.sum += static_cast<double>(kernels::exp_f32(value - result.max));
  return result;
}

LogSumExp combine(const LogSumExp& l0, const LogSumExp& l1) {
  if (l0.sum == 0) return l1;
  if (l1.sum == 0) return l0;
  const float max = std::max(l0.max, l1.max);
  const auto scaled = [&](const LogSumExp& l) { return l.sum * kernels::exp_f64(static_cast<double>(l.max) - static_cast<double>(max)); };
  return {max, scaled(l0) + scaled(l1)};
}

float log_probability(float value, const LogSumExp& all) {
  return static_cast<float>(static_cast<double>(value) - static_cast<double>(all.max) - kernels::log_f64(all.sum));
}

}  // namespace yoke::node::sampler
