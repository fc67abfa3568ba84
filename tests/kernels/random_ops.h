// One random problem of an op, run on whatever backend: all that it wrote, and what lies beside. For expect_equal_bits and its like.
#pragma once

#include <vector>

#include "kernels/ops.h"
#include "tests/kernels/random_problem.h"

namespace yoke::kernels::testing {

std::vector<float> run_rms_norm(Ops& ops, Random& random);
std::vector<float> run_layer_norm(Ops& ops, Random& random);
std::vector<float> run_split_norm(Ops& ops, Random& random);  // in two parts, as two ranks hold it: SumOfSquares, RmsScale
std::vector<float> run_rotary_embedding(Ops& ops, Random& random);
std::vector<float> run_swiglu(Ops& ops, Random& random);
std::vector<float> run_clamped_swiglu(Ops& ops, Random& random);
std::vector<float> run_in_place(Ops& ops, Random& random);    // Gelu, Tanh, Scale
std::vector<float> run_rows(Ops& ops, Random& random);        // GatherRows, ScatterAdd
std::vector<float> run_residual_add(Ops& ops, Random& random);

}  // namespace yoke::kernels::testing
