#include <gtest/gtest.h>

#include "kernels/cpu/targets.h"

#include <hwy/highway.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "tests/kernels/random_problem.h"

namespace yoke::kernels {
namespace {

// The tests of equal bits are worth what they run on: say it, and fail if a set that this machine has is left out.
TEST(Targets, TestsRunOnEveryInstructionSetThatTheMachineHasAndTheKernelsAreBuiltFor) {
  std::vector<std::string> names;
  testing::for_targets([&](const std::string& target) {
    names.push_back(target);
    EXPECT_EQ(hwy::SupportedTargets() & HWY_TARGETS & ~HWY_SCALAR & (hwy::SupportedTargets() - 1), 0)
        << "more than one target is left to choose from";
    std::printf("[ target   ] %s\n", target.c_str());
  });
  for (const int64_t fast : {HWY_AVX2, HWY_AVX3, HWY_NEON}) {
    if ((hwy::SupportedTargets() & HWY_TARGETS & fast) == 0) continue;
    EXPECT_NE(std::find(names.begin(), names.end(), hwy::TargetName(fast)), names.end()) << hwy::TargetName(fast);
  }
  EXPECT_FALSE(names.empty());
}

}  // namespace
}  // namespace yoke::kernels
