// The router, the order of pairs by expert, the experts' products and their weighted sum.
#include <algorithm>
#include <limits>
#include <numeric>

#include "kernels/cuda/exact_launch.h"
#include "tests/kernels/cuda/cuda_case.h"
#include "tests/kernels/random_weight.h"
#include "tests/kernels/route_case.h"

namespace yoke::kernels {
namespace {

using namespace testing;

std::vector<float> as_floats(const std::vector<int32_t>& values) { return {values.begin(), values.end()}; }

TEST(CudaRoute, HasTheReferencesChoiceAndBits) {
  for (const RouterScore score : {RouterScore::softmax, RouterScore::softmax_top_k, RouterScore::sigmoid}) {
    for_seeds(30, [&](uint64_t seed) {
      Random random(seed);
      const RouteCase c = random_route(random, score);
      const Routed here = run_route(reference(), problem_of(c)), there = run_route(gpu_mirrored(), problem_of(c));
      EXPECT_EQ(there.chosen, here.chosen);
      EXPECT_TRUE(same_bits(there.weights, here.weights));
    });
  }
}

TEST(CudaRoute, OfHundredsOfExpertsHasTheReferencesBits) {
  for (const int64_t experts : {128, 256, 1024}) {
    Random random(11);
    RouteCase c{.problem = {.rows = 3, .experts = experts, .top_k = 8, .score = RouterScore::sigmoid, .renormalise = true, .scaling = 2.5f, .groups = 8, .top_groups = 4},
                .logits = random.normals(3 * experts), .correction = random.normals(experts)};
    const Routed here = run_route(reference(), problem_of(c)), there = run_route(gpu_mirrored(), problem_of(c));
    EXPECT_EQ(there.chosen, here.chosen);
    EXPECT_TRUE(same_bits(there.weights, here.weights));
  }
}

TEST(CudaRoute, WhateverTheLogitsAreItChoosesExpertsThatExist) {
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -1e30f}) {
    const std::vector<float> logits(7, value);
    for (const RouterScore score : {RouterScore::softmax, RouterScore::softmax_top_k, RouterScore::sigmoid}) {
      const Route problem{.logits = logits.data(), .rows = 1, .experts = 7, .top_k = 2, .score = score, .renormalise = true, .scaling = 1.0f};
      EXPECT_EQ(run_route(gpu_mirrored(), problem).chosen, (std::vector<int32_t>{0, 1}));
    }
  }
}

// A layer's way through the ops, as node/forward goes it.
struct ExpertsCase {
  int64_t rows, top_k, experts, inputs, outputs;
  Range owned;
  std::vector<int32_t> chosen;
  std::vector<RowPlace> places;
  std::vector<PackedPart> parts;
  std::vector<std::vector<float>> biases;
  std::vector<float> x, weights;

  std::vector<float> run(Ops& ops) const {
    const int64_t pairs = rows * top_k, n = owned.size();
    std::vector<int32_t> offsets(static_cast<size_t>(n + 1), -7), slots(static_cast<size_t>(pairs), -7), where(static_cast<size_t>(pairs), -7);
    ops.run(SortExperts{.chosen = chosen.data(), .rows = rows, .top_k = top_k, .experts = owned, .row_places = places, .offsets = offsets.data(),
                        .slots = slots.data(), .places = where.data()});
    std::vector<PackedMatrix> matrices;
    std::vector<const float*> bias;
    for (const PackedPart& part : parts) matrices.push_back(part.matrix());
    for (const std::vector<float>& one : biases) bias.push_back(one.data());
    std::vector<float> all = as_floats(offsets), by_slot = poisoned(pairs * outputs), by_place = poisoned(pairs * outputs), y = poisoned(rows * outputs);
    if (pairs > 0 && n > 0) {
      GroupedLinear grouped{.experts = matrices, .bias = bias, .offsets = offsets.data(), .slots = slots.data(), .pairs = pairs, .top_k = top_k, .x = x.data(),
                            .x_stride = inputs, .y = by_slot.data()};
      ops.run(grouped);
      grouped.slots = nullptr;
      grouped.y = by_place.data();
      ops.run(grouped);
    }
    ops.run(CombineExperts{.x = by_slot.data(), .places = where.data(), .weights = weights.data(), .rows = rows, .top_k = top_k, .width = outputs, .y = y.data()});
    for (const auto& part : {as_floats(slots), as_floats(where), by_slot, by_place, y}) all.insert(all.end(), part.begin(), part.end());
    return all;
  }
};

ExpertsCase random_experts(uint64_t seed, const FormatSample& sample) {
  Random random(seed);
  ExpertsCase c{.rows = random.between(0, random.chance(30) ? 40 : 5), .top_k = random.between(1, 4), .experts = random.between(4, 9),
                .inputs = random.between(1, 150), .outputs = random.between(1, 40)};
  c.owned.begin = random.between(0, 2);
  c.owned.end = random.between(c.owned.begin, c.experts);
  for (int64_t r = 0; r < c.rows; ++r) {
    std::vector<int32_t> order(static_cast<size_t>(c.experts));
    std::iota(order.begin(), order.end(), 0);
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[static_cast<size_t>(random.between(0, static_cast<int64_t>(i) - 1))]);
    std::sort(order.begin(), order.begin() + c.top_k);
    c.chosen.insert(c.chosen.end(), order.begin(), order.begin() + c.top_k);
  }
  static const int32_t kTable[1] = {0};
  if (random.chance(50)) {
    for (int64_t r = 0; r < c.rows; ++r) c.places.push_back(random.chance(20) ? RowPlace{} : RowPlace{kTable, r % 16, r % 16 + 1});
  }
  const bool with_bias = random.chance(40);
  for (int64_t e = c.owned.begin; e < c.owned.end; ++e) {
    c.parts.push_back(random_file(random, sample, c.outputs, whole_columns(sample.format, c.inputs)).pack({0, c.outputs}, {0, c.inputs}, random));
    if (with_bias) c.biases.push_back(random.normals(c.outputs));
  }
  c.x = random.normals(std::max<int64_t>(c.rows * c.top_k, 1) * c.inputs);
  c.weights = random.normals(c.rows * c.top_k);
  return c;
}

TEST(CudaExperts, ALayersWayHasTheReferencesBitsInEveryFormat) {
  for (const FormatSample& sample : format_samples()) {
    if (!cuda::reads_weights(sample.format)) continue;
    SCOPED_TRACE(sample.name);
    for_seeds(5, [&](uint64_t seed) {
      const ExpertsCase c = random_experts(seed, sample);
      EXPECT_TRUE(same_bits(c.run(gpu_mirrored()), c.run(reference())));
    });
  }
}

}  // namespace
}  // namespace yoke::kernels
