#include "tests/kernels/route_case.h"

#include <algorithm>

namespace yoke::kernels::testing {

Routed run_route(Ops& ops, Route problem) {
  const int64_t count = problem.rows * problem.top_k;
  Routed routed{std::vector<int32_t>(static_cast<size_t>(count), -1), poisoned(count)};
  problem.chosen = routed.chosen.data();
  problem.weights = routed.weights.data();
  ops.run(problem);
  return routed;
}

RouteCase random_route(Random& random, RouterScore score) {
  RouteCase c;
  c.problem.score = score;
  c.problem.rows = random.between(0, 6);
  c.problem.groups = score == RouterScore::sigmoid && random.chance(60) ? random.between(1, 4) : 1;
  c.problem.experts = c.problem.groups * random.between(1, 20);
  c.problem.top_groups = random.between(1, c.problem.groups);
  c.problem.top_k = random.between(1, std::min<int64_t>(8, c.problem.experts / c.problem.groups * c.problem.top_groups));
  c.problem.renormalise = random.chance(50);
  c.problem.scaling = random.chance(50) ? 1.0f : 2.5f;
  const bool grid = random.chance(50);
  for (int64_t i = 0; i < c.problem.rows * c.problem.experts; ++i) {
    c.logits.push_back(grid ? 0.25f * static_cast<float>(random.between(1, 12)) : random.normal(2.0f));
  }
  if (score == RouterScore::sigmoid && random.chance(60)) {
    for (int64_t e = 0; e < c.problem.experts; ++e) {
      c.correction.push_back(grid ? 0.125f * static_cast<float>(random.between(0, 3)) : random.normal());
    }
  }
  return c;
}

Route problem_of(const RouteCase& c) {
  Route problem = c.problem;
  problem.logits = c.logits.data();
  problem.correction = c.correction.empty() ? nullptr : c.correction.data();
  return problem;
}

}  // namespace yoke::kernels::testing
