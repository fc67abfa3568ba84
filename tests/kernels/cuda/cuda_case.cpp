#include "tests/kernels/cuda/cuda_case.h"

#include "tests/kernels/cuda/mirrored_ops.h"

namespace yoke::kernels::testing {

// Left alive at exit: the double's threads may still run.
Ops& gpu() {
  static Ops* const ops = ops_backend("cuda").make({}).release();
  return *ops;
}

Ops& gpu_mirrored() {
  static Ops* const ops = mirrored(gpu()).release();
  return *ops;
}

Ops& reference() {
  static Ops* const ops = ops_backend("reference").make({}).release();
  return *ops;
}

void expect_bits_of_reference(uint64_t cases, const Run& run) {
  for_seeds(cases, [&](uint64_t seed) {
    Random first(seed), again(seed);
    const std::vector<float> expected = run(reference(), first);
    EXPECT_TRUE(same_bits(run(gpu_mirrored(), again), expected));
  });
}

}  // namespace yoke::kernels::testing
