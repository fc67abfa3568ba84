// CudaOps in the modes that have products of their own: what goes to which kernels, and that only products differ. The products' own
// values: linear_bf16_test.cpp, linear_fp4_test.cpp.
#include <cmath>

#include "core/error.h"
#include "kernels/cuda/linear_launch.h"
#include "tests/kernels/cuda/cuda_case.h"
#include "tests/kernels/cuda/mirrored_ops.h"
#include "tests/kernels/random_ops.h"
#include "tests/kernels/random_weight.h"

namespace yoke::kernels {
namespace {

using namespace testing;

constexpr MathMode kModes[] = {MathMode::bf16, MathMode::fp4};

std::unique_ptr<Ops> make(MathMode mode) { return ops_backend("cuda").make({.math = mode}); }

bool has(MathMode mode) {
  if (mode != MathMode::fp4) return true;
  try {
    make(mode);
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::unsupported);
    std::printf("left out: mode fp4: %s\n", error.what());
    return false;
  }
}

struct Product {
  int64_t rows, cols, outputs;
  PackedPart part;
  std::vector<float> x;

  std::vector<float> run(Ops& ops) const {
    std::vector<float> y = poisoned(rows * outputs);
    ops.run(Linear{.w = part.matrix(), .x = x.data(), .x_stride = cols, .rows = rows, .y = y.data(), .y_stride = outputs});
    return y;
  }
  // Every row to one of two experts that share the matrix.
  std::vector<float> run_grouped(Ops& ops) const {
    const std::vector<PackedMatrix> experts(2, part.matrix());
    std::vector<int32_t> offsets = {0, static_cast<int32_t>(rows / 2), static_cast<int32_t>(rows)}, slots;
    for (int32_t i = 0; i < rows; ++i) slots.push_back(i);
    std::vector<float> y = poisoned(rows * outputs);
    ops.run(GroupedLinear{.experts = experts, .offsets = offsets.data(), .slots = slots.data(), .pairs = rows, .top_k = 1, .x = x.data(), .x_stride = cols, .y = y.data()});
    return y;
  }
};

Product random_product(const FormatSample& sample, int64_t rows) {
  Random random(31);
  Product p{.rows = rows, .cols = whole_columns(sample.format, 200), .outputs = 40};
  p.part = random_file(random, sample, p.outputs, p.cols).pack();
  p.x = random.normals(rows * p.cols);
  return p;
}

double norm(const std::vector<float>& x) {
  double sum = 0;
  for (const float value : x) sum += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(sum);
}

// Activations of 8 bits of mantissa, or of e2m1 in blocks: their error is 2^-9 of each product, or up to a quarter of a block's largest.
double bound(MathMode mode) { return mode == MathMode::bf16 ? 0x1p-7 : 0.35; }

TEST(CudaModes, ProductsAreWithinTheirModesErrorAndRowsAreTheirOwn) {
  for (const MathMode mode : kModes) {
    if (!has(mode)) continue;
    const auto there = make(mode);
    const auto ops = mirrored(*there);
    for (const FormatSample& sample : format_samples()) {
      if (!ops_backend("cuda").supports(sample.format, mode)) continue;
      SCOPED_TRACE(sample.name);
      const Product p = random_product(sample, 5);
      const std::vector<float> exact = p.run(reference()), y = p.run(*ops), grouped = p.run_grouped(*ops);
      std::vector<float> difference;
      for (size_t i = 0; i < y.size(); ++i) difference.push_back(y[i] - exact[i]);
      EXPECT_TRUE(norm(difference) <= bound(mode) * norm(exact)) << norm(difference) << " of " << norm(exact);
      EXPECT_TRUE(same_bits(grouped, y));
      if (!cuda::supports_bf16(sample.format)) {
        EXPECT_TRUE(same_bits(y, exact));
      }
    }
  }
}

TEST(CudaModes, WhatIsNoProductKeepsItsBits) {
  const auto there = make(MathMode::bf16);
  const auto ops = mirrored(*there);
  for_seeds(5, [&](uint64_t seed) {
    Random here(seed), again(seed);
    EXPECT_TRUE(same_bits(run_rms_norm(*ops, again), run_rms_norm(reference(), here)));
  });
}

}  // namespace
}  // namespace yoke::kernels
