// Where no kernels were built, test_cuda_kernels is this alone.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "core/error.h"
#include "kernels/cuda/images.h"
#include "kernels/ops.h"

namespace yoke::kernels {
namespace {

TEST(CudaKernels, OfABuildWithoutThemAreRefusedWithTheReason) {
  const std::string why(cuda::images_absent());
  ASSERT_FALSE(why.empty());
  std::printf("left out: every test of the CUDA kernels (exact and bf16 products, attention, experts, recordings, budgets): %s\n", why.c_str());
  EXPECT_TRUE(cuda::images().empty());
  EXPECT_NE(ops_backend("cuda").unavailable().find(why), std::string::npos);
  EXPECT_THROW(ops_backend("cuda").make({}), Error);
}

}  // namespace
}  // namespace yoke::kernels
