// What the tests of the CUDA kernels share: one GPU's ops in mode exact for problems on the host, and the comparison with the
// reference, bit for bit.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "kernels/ops.h"
#include "tests/kernels/random_problem.h"

namespace yoke::kernels::testing {

Ops& gpu();        // on addresses of the GPU
Ops& gpu_mirrored();  // on addresses of the host
Ops& reference();

using Run = std::function<std::vector<float>(Ops& ops, Random& random)>;

// The same random problem on the reference and on the GPU.
void expect_bits_of_reference(uint64_t cases, const Run& run);

}  // namespace yoke::kernels::testing
