// The conformance of backends: whatever an op writes, each of them writes the same bits.
#pragma once

#include <functional>
#include <vector>

#include "kernels/ops.h"
#include "tests/kernels/random_problem.h"

namespace yoke::kernels::testing {

using Run = std::function<std::vector<float>(Ops& ops, Random& random)>;

// The same random problem on the reference and on every instruction set and thread count of the cpu backend.
inline void expect_equal_bits(uint64_t cases, const Run& run) {
  const auto reference = ops_backend("reference").make({.threads = 1});
  const auto alone = ops_backend("cpu").make({.threads = 1});
  const auto shared = ops_backend("cpu").make({.threads = 2});
  for_seeds(cases, [&](uint64_t seed) {
    Random first(seed);
    const std::vector<float> expected = run(*reference, first);
    for_targets([&](const std::string&) {
      for (Ops* ops : {alone.get(), shared.get()}) {
        Random again(seed);
        EXPECT_TRUE(same_bits(run(*ops, again), expected));
      }
    });
  });
}

}  // namespace yoke::kernels::testing
