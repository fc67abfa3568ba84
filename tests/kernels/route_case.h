// Random problems for the tests of Route.
#pragma once

#include <vector>

#include "kernels/ops.h"
#include "tests/kernels/random_problem.h"

namespace yoke::kernels::testing {

struct Routed {
  std::vector<int32_t> chosen;
  std::vector<float> weights;
};

Routed run_route(Ops& ops, Route problem);

struct RouteCase {
  Route problem;
  std::vector<float> logits, correction;
};

// Logits from a coarse grid of positive numbers, so that ties are frequent, or all unlike.
RouteCase random_route(Random& random, RouterScore score);
Route problem_of(const RouteCase& c);

}  // namespace yoke::kernels::testing
