// Random operands for the kernels' tests, each case a function of its seed: a failure prints it, and YOKE_SEED=n replays
// that case alone.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "kernels/ops.h"

namespace yoke::kernels::testing {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  int64_t between(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(engine_); }
  bool chance(int percent) { return between(1, 100) <= percent; }
  float normal(float deviation = 1.0f) { return std::normal_distribution<float>(0.0f, deviation)(engine_); }
  std::vector<float> normals(int64_t count, float deviation = 1.0f);

 private:
  std::mt19937_64 engine_;
};

// Floats that nobody has written yet: NaN, so that an output left out or read too early is seen.
std::vector<float> poisoned(int64_t count);

// Runs body(seed) for seeds 0 .. cases - 1, or for YOKE_SEED alone; stops at the first that fails.
void for_seeds(uint64_t cases, const std::function<void(uint64_t seed)>& body);

// The backends that work on the host's memory, and so on a test's vectors.
std::vector<OpsBackend> host_backends();

// Runs body once for each instruction set that this machine has and the kernels are built for.
void for_targets(const std::function<void(const std::string& name)>& body);

// Equal bits, poison included: what one wrote the other must have written too, and nothing else.
::testing::AssertionResult same_bits(const std::vector<float>& a, const std::vector<float>& b);

}  // namespace yoke::kernels::testing
