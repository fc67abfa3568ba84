// How results are compared: equal bits, or within a bound that was derived for each output. NaN equals itself as bits, and is within
// no bound. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace yoke::node::selftest {

struct Expected {
  std::vector<double> values, bounds;  // one an output
};

// Of the output that is furthest from its bound; with equal bits as the demand `bound` is 0.
struct Comparison {
  bool ok = true;
  double worst = 0, bound = 0;
  std::string text;  // the first that differs, and how many do
};

Comparison same_bits(std::span<const float> got, std::span<const float> wanted);
Comparison within(std::span<const float> got, const Expected& expected);

}  // namespace yoke::node::selftest
