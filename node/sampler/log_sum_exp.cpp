#include "node/sampler/log_sum_exp.h"

#include <algorithm>
#include <array>

#include "kernels/candidates.h"
#include "kernels/elementary.h"
#include "node/sampler/candidates.h"

namespace yoke::node::sampler {

namespace {

// As dots and norms sum (docs/bits.md rule 1): element i joins lane i % 16, the lanes join by a fixed tree.
constexpr size_t kLanes = 16;
constexpr size_t kSpan = kernels::kSumSpan;
static_assert(kSpan % kLanes == 0);

double tree_sum(std::array<double, kLanes> lanes) {
  for (size_t stride = kLanes / 2; stride > 0; stride /= 2) {
    for (size_t i = 0; i < stride; ++i) lanes[i] += lanes[i + stride];
  }
  return lanes[0];
}

}  // namespace

LogSumExp log_sum_exp(std::span<const float> values) {
  LogSumExp result;
  result.max = greatest(values);
  std::array<float, kSpan> exps;
  for (size_t begin = 0; begin < values.size(); begin += kSpan) {
    const size_t n = std::min(kSpan, values.size() - begin);
    kernels::exp_f32(values.subspan(begin, n), result.max, std::span(exps).first(n));
    std::array<double, kLanes> lanes{};
    for (size_t i = 0; i < n; ++i) lanes[i % kLanes] += static_cast<double>(exps[i]);
    result.sum += tree_sum(lanes);
  }
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
