// The sum of exponentials of a half of the vocabulary, and of both: combine(l0, l1), also on one rank (docs/bits.md rule 4).
#pragma once

#include <limits>
#include <span>

namespace yoke::node::sampler {

// sum of exp(value - max) over some values, in f64.
struct LogSumExp {
  float max = -std::numeric_limits<float>::infinity();
  double sum = 0;  // 0: of no values
};

LogSumExp log_sum_exp(std::span<const float> values);
LogSumExp combine(const LogSumExp& l0, const LogSumExp& l1);

// log(exp(value) / sum of exp): the log probability of one value among all.
float log_probability(float value, const LogSumExp& all);

}  // namespace yoke::node::sampler
