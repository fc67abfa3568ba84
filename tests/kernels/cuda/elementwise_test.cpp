// Elementwise ops, norms and embeddings: the generators of tests/kernels on the GPU, and sizes that only its kernels care for.
#include <bit>
#include <cmath>
#include <functional>
#include <initializer_list>

#include "tests/kernels/cuda/cuda_case.h"
#include "tests/kernels/random_ops.h"

namespace yoke::kernels {
namespace {

using namespace testing;

// Rows of one, of a lane, about the chunk that a block stages, and of many rows; with and without the join before.
std::vector<float> run_join_norm(Ops& ops, Random& random) {
  constexpr int64_t kWidths[] = {1, 15, 16, 17, 255, 256, 257, 1000, 4095, 4096, 4097, 8200};
  const int64_t width = kWidths[random.between(0, 11)], rows = random.between(0, width > 1000 ? 2 : 6);
  std::vector<float> x = random.normals(rows * width), y = poisoned(rows * width);
  const std::vector<float> h0 = random.normals(rows * width), h1 = random.normals(rows * width);
  const std::vector<float> w = random.normals(width), bias = random.normals(width);
  JoinNorm p{.x = x.data(), .rows = rows, .width = width, .centred = random.chance(40), .w = w.data(), .epsilon = 1e-5f};
  if (random.chance(80)) p.h0 = h0.data();
  if (p.h0 != nullptr && random.chance(60)) p.h1 = h1.data();
  if (p.centred && random.chance(50)) p.bias = bias.data();
  if (random.chance(80)) p.y = random.chance(20) ? x.data() : y.data();
  ops.run(p);
  x.insert(x.end(), y.begin(), y.end());
  return x;
}

// Both halves' gates in one launch, of unlike widths.
template <class Gated>
std::vector<float> run_gated_halves(Ops& ops, Random& random, const std::function<Gated(Gated)>& more) {
  const int64_t rows = random.between(0, 4), count = random.between(1, 5);
  std::vector<std::vector<float>> gates, ups, results;
  std::vector<Gated> problems;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t width = random.between(0, 300), stride = width + random.between(0, 3);
    gates.push_back(random.normals(rows * stride, 20.0f));
    ups.push_back(random.normals(rows * stride));
    results.push_back(poisoned(rows * stride));
    problems.push_back(more({.gate = gates.back().data(), .up = ups.back().data(), .rows = rows, .width = width, .stride = stride, .y = results.back().data()}));
  }
  ops.run(std::span<const Gated>(problems));
  std::vector<float> all;
  for (const std::vector<float>& y : results) all.insert(all.end(), y.begin(), y.end());
  return all;
}

std::vector<float> run_fill(Ops& ops, Random& random) {
  std::vector<float> x = poisoned(random.between(0, 300));
  ops.run(Fill{x.data(), static_cast<int64_t>(x.size())});
  return x;
}

TEST(CudaNorms, RmsNormHasTheReferencesBits) { expect_bits_of_reference(30, run_rms_norm); }
TEST(CudaNorms, LayerNormHasTheReferencesBits) { expect_bits_of_reference(30, run_layer_norm); }
TEST(CudaNorms, ANormInTwoPartsHasTheReferencesBits) { expect_bits_of_reference(30, run_split_norm); }
TEST(CudaNorms, JoinsWithTheirNormHaveTheReferencesBits) { expect_bits_of_reference(60, run_join_norm); }
TEST(CudaElementwise, RotaryEmbeddingHasTheReferencesBits) { expect_bits_of_reference(30, run_rotary_embedding); }
TEST(CudaElementwise, SwiGluHasTheReferencesBits) { expect_bits_of_reference(30, run_swiglu); }
TEST(CudaElementwise, ClampedSwiGluHasTheReferencesBits) { expect_bits_of_reference(30, run_clamped_swiglu); }
TEST(CudaElementwise, GatesOfAllHalvesHaveTheReferencesBits) {
  expect_bits_of_reference(20, [](Ops& ops, Random& random) { return run_gated_halves<SwiGlu>(ops, random, [](SwiGlu p) { return p; }); });
  expect_bits_of_reference(20, [](Ops& ops, Random& random) {
    return run_gated_halves<ClampedSwiGlu>(ops, random, [](ClampedSwiGlu p) {
      p.alpha = 1.702f;
      p.limit = 7.0f;
      return p;
    });
  });
}
TEST(CudaElementwise, GeluTanhAndScaleHaveTheReferencesBits) { expect_bits_of_reference(40, run_in_place); }
TEST(CudaElementwise, GatheredAndScatteredRowsHaveTheReferencesBits) { expect_bits_of_reference(40, run_rows); }
TEST(CudaElementwise, ResidualAddHasTheReferencesBits) { expect_bits_of_reference(30, run_residual_add); }
TEST(CudaElementwise, FillWritesZeros) { expect_bits_of_reference(10, run_fill); }

// Every exponent, both signs, and where the functions change from one form to another.
TEST(CudaElementwise, FunctionsHaveTheReferencesBitsOverAllMagnitudes) {
  std::vector<float> x;
  for (uint32_t bits = 0; bits < 0x7F800000u; bits += 0x0003A5C7u) {
    x.push_back(std::bit_cast<float>(bits));
    x.push_back(-x.back());
  }
  for (const float edge : {0.625f, 0.875f, 4.0f, 89.0f, 104.0f, 44.5f, 88.73f}) {
    for (const float value : {std::nextafter(edge, 0.0f), edge, std::nextafter(edge, 200.0f)}) x.push_back(value), x.push_back(-value);
  }
  const auto count = static_cast<int64_t>(x.size());
  const std::vector<float> ones(x.size(), 1.0f);
  for (const auto& run : std::initializer_list<std::function<void(Ops&, float*)>>{
           [&](Ops& ops, float* y) { ops.run(Gelu{y, count}); }, [&](Ops& ops, float* y) { ops.run(Tanh{y, count}); },
           [&](Ops& ops, float* y) { ops.run(SwiGlu{y, ones.data(), 1, count, count, y}); }}) {
    std::vector<float> expected = x, there = x;
    run(reference(), expected.data());
    run(gpu_mirrored(), there.data());
    EXPECT_TRUE(same_bits(there, expected));
  }
}

}  // namespace
}  // namespace yoke::kernels
