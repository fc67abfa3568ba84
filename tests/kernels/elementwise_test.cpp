#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/elementary.h"
#include "kernels/ops.h"
#include "tests/kernels/random_problem.h"

namespace yoke::kernels {
namespace {

using namespace testing;

using Run = std::function<std::vector<float>(Ops& ops, Random& random)>;

// The same random problem on the reference and on every instruction set and thread count of the cpu backend.
void expect_equal_bits(uint64_t cases, const Run& run) {
  const auto reference = ops_backend("reference").make(1);
  const auto alone = ops_backend("cpu").make(1);
  const auto shared = ops_backend("cpu").make(2);
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

std::vector<float> run_rms_norm(Ops& ops, Random& random) {
  const int64_t rows = random.between(0, 5), width = random.between(1, 200);
  const int64_t x_stride = width + random.between(0, 3), y_stride = width + random.between(0, 3);
  const std::vector<float> x = random.normals(rows * x_stride + 1), w = random.normals(width);
  std::vector<float> y = poisoned(rows * y_stride);
  ops.run(RmsNorm{x.data(), x_stride, rows, width, w.data(), 1e-5f, y.data(), y_stride});
  return y;
}

std::vector<float> run_rotary_embedding(Ops& ops, Random& random) {
  const int64_t rows = random.between(0, 5), heads = random.between(1, 4), head_dim = 2 * random.between(1, 70);
  const int64_t stride = heads * head_dim + random.between(0, 3);
  std::vector<float> x = random.normals(rows * stride);
  const std::vector<float> cos = random.normals(rows * head_dim / 2), sin = random.normals(rows * head_dim / 2);
  ops.run(RotaryEmbedding{x.data(), stride, rows, heads, head_dim, cos.data(), sin.data(), random.chance(50)});
  return x;
}

std::vector<float> run_swiglu(Ops& ops, Random& random) {
  const int64_t rows = random.between(0, random.chance(5) ? 300 : 5), width = random.between(1, random.chance(5) ? 900 : 200);
  const int64_t stride = width + random.between(0, 3);
  const std::vector<float> gate = random.normals(rows * stride + 1, 20.0f), up = random.normals(rows * stride + 1);
  std::vector<float> y = poisoned(rows * stride);
  ops.run(SwiGlu{gate.data(), up.data(), rows, width, stride, y.data()});
  return y;
}

std::vector<float> run_residual_add(Ops& ops, Random& random) {
  const int64_t count = random.between(0, 200);
  std::vector<float> x = random.normals(count);
  const std::vector<float> h0 = random.normals(count), h1 = random.normals(count);
  ops.run(ResidualAdd{x.data(), h0.data(), random.chance(50) ? h1.data() : nullptr, count});
  return x;
}

TEST(RmsNorm, IsEqualInEveryBitOnEveryInstructionSet) { expect_equal_bits(200, run_rms_norm); }
TEST(RotaryEmbedding, IsEqualInEveryBitOnEveryInstructionSet) { expect_equal_bits(200, run_rotary_embedding); }
TEST(SwiGlu, IsEqualInEveryBitOnEveryInstructionSet) { expect_equal_bits(100, run_swiglu); }
TEST(ResidualAdd, IsEqualInEveryBitOnEveryInstructionSet) { expect_equal_bits(200, run_residual_add); }

TEST(Elementary, ExpOfManyIsEqualInEveryBitToExpOfOneOnEveryInstructionSet) {
  for_seeds(20, [&](uint64_t seed) {
    Random random(seed);
    std::vector<float> x = random.normals(random.between(0, 3000), 40.0f);
    for (size_t i = 0; i < x.size(); i += 50) x[i] = random.chance(50) ? 1e30f : -std::numeric_limits<float>::infinity();
    const float shift = random.normal(10.0f);
    std::vector<float> expected;
    for (const float value : x) expected.push_back(exp_f32(value - shift));
    for_targets([&](const std::string&) {
      std::vector<float> y = poisoned(static_cast<int64_t>(x.size()));
      exp_f32(x, shift, y);
      EXPECT_TRUE(same_bits(y, expected));
    });
  });
}

// width / 16 additions in each lane, 4 in the tree, then a division, a root and two products: (width / 16 + 10) roundings.
TEST(RmsNorm, TheReferenceIsWithinTheErrorThatItsWidthAllows) {
  const auto ops = ops_backend("reference").make(1);
  Random random(3);
  for (const int64_t width : {1, 15, 16, 17, 576, 4096}) {
    const std::vector<float> x = random.normals(width), w = random.normals(width);
    std::vector<float> y = poisoned(width);
    ops->run(RmsNorm{x.data(), width, 1, width, w.data(), 1e-5f, y.data(), width});
    double squares = 0;
    for (const float value : x) squares += static_cast<double>(value) * value;
    const double norm = std::sqrt(squares / static_cast<double>(width) + 1e-5);
    for (size_t i = 0; i < y.size(); ++i) {
      const double truth = static_cast<double>(x[i]) / norm * w[i];
      ASSERT_NEAR(y[i], truth, (static_cast<double>(width) / 16 + 10) * 0x1p-24 * std::fabs(truth));
    }
  }
}

TEST(RotaryEmbedding, TurnsEachPairByItsAngle) {
  for (const bool neighbours : {false, true}) {
    for (const OpsBackend& backend : ops_backends()) {
      std::vector<float> x = {1, 2, 3, 4};
      const std::vector<float> cos = {0, 1}, sin = {1, 0};  // a quarter turn, and none
      backend.make(1)->run(RotaryEmbedding{x.data(), 4, 1, 1, 4, cos.data(), sin.data(), neighbours});
      EXPECT_EQ(x, neighbours ? (std::vector<float>{-2, 1, 3, 4}) : (std::vector<float>{-3, 2, 1, 4}));
    }
  }
}

TEST(SwiGlu, SaturatesWithoutNan) {
  const std::vector<float> gate = {-200, -90, 0, 90, 200}, up = {1, 1, 1, 1, 1};
  for (const OpsBackend& backend : ops_backends()) {
    std::vector<float> y = poisoned(5);
    backend.make(1)->run(SwiGlu{gate.data(), up.data(), 1, 5, 5, y.data()});
    EXPECT_EQ(y[2], 0.0f);
    EXPECT_EQ(y[3], 90.0f);
    EXPECT_EQ(y[4], 200.0f);
    EXPECT_LE(std::fabs(y[0]) + std::fabs(y[1]), 1e-30f);
  }
}

TEST(ResidualAdd, AddsTheHalvesFirst) {
  for (const OpsBackend& backend : ops_backends()) {
    std::vector<float> x(20, 1.0f);
    const std::vector<float> h0(20, 0x1p-24f), h1(20, 0x1p-24f);  // each alone would vanish against 1
    backend.make(1)->run(ResidualAdd{x.data(), h0.data(), h1.data(), 20});
    EXPECT_EQ(x, std::vector<float>(20, 1.0f + 0x1p-23f));
  }
}

}  // namespace
}  // namespace yoke::kernels
