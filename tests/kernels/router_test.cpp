#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/ops.h"
#include "tests/kernels/route_case.h"

namespace yoke::kernels {
namespace {

using namespace testing;

// The rule once more, in double and by sorting.
using Scores = std::vector<double>;

std::vector<size_t> best_first(const Scores& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] > values[b]; });
  return order;
}

Scores true_scores(const RouteCase& c, int64_t row) {
  const float* logits = c.logits.data() + row * c.problem.experts;
  Scores scores(logits, logits + c.problem.experts);
  double sum = 0;
  if (c.problem.score == RouterScore::softmax_top_k) return scores;
  for (double& score : scores) sum += std::exp(score);
  for (double& score : scores) score = c.problem.score == RouterScore::softmax ? std::exp(score) / sum : 1 / (1 + std::exp(-score));
  return scores;
}

std::vector<size_t> true_choice(const RouteCase& c, Scores values) {
  for (size_t e = 0; e < c.correction.size(); ++e) values[e] += static_cast<double>(c.correction[e]);
  const size_t size = values.size() / static_cast<size_t>(c.problem.groups);
  Scores groups;
  for (size_t first = 0; first < values.size(); first += size) {
    Scores members(values.begin() + static_cast<int64_t>(first), values.begin() + static_cast<int64_t>(first + size));
    std::sort(members.rbegin(), members.rend());
    groups.push_back(members[0] + (size > 1 ? members[1] : 0));
  }
  const std::vector<size_t> order = best_first(groups);
  std::vector<size_t> chosen;
  for (const size_t expert : best_first(values)) {
    const auto open = order.begin() + c.problem.top_groups;
    const bool room = static_cast<int64_t>(chosen.size()) < c.problem.top_k;
    if (room && std::find(order.begin(), open, expert / size) != open) chosen.push_back(expert);
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

void expect_row(const RouteCase& c, int64_t row, const Routed& routed) {
  const Scores scores = true_scores(c, row);
  const std::vector<size_t> chosen = true_choice(c, scores);
  const size_t first = static_cast<size_t>(row * c.problem.top_k);
  Scores weights;
  const bool of_chosen = c.problem.score == RouterScore::softmax_top_k;
  for (const size_t expert : chosen) weights.push_back(of_chosen ? std::exp(scores[expert]) : scores[expert]);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  const bool divided = c.problem.renormalise || of_chosen;
  ASSERT_EQ(static_cast<int64_t>(chosen.size()), c.problem.top_k);
  for (size_t i = 0; i < chosen.size(); ++i) {
    EXPECT_EQ(routed.chosen[first + i], static_cast<int32_t>(chosen[i])) << "row " << row;
    const double truth = weights[i] / (divided ? sum : 1.0) * static_cast<double>(c.problem.scaling);
    // exp within 2 ulp, a sum of up to 80, a division or two and a product.
    EXPECT_NEAR(routed.weights[first + i], truth, truth * 100 * 0x1p-24) << "row " << row;
  }
}

TEST(Route, ChoosesAndWeighsAsTheRuleInDoubleDoesTiesAndGroupsIncluded) {
  const auto ops = ops_backend("cpu").make({.threads = 2});
  for (const RouterScore score : {RouterScore::softmax, RouterScore::softmax_top_k, RouterScore::sigmoid}) {
    for_seeds(200, [&](uint64_t seed) {
      Random random(seed);
      const RouteCase c = random_route(random, score);
      const Routed routed = run_route(*ops, problem_of(c));
      for (int64_t row = 0; row < c.problem.rows; ++row) expect_row(c, row, routed);
    });
  }
}

TEST(Route, IsEqualOnEveryBackendAndForARowAlone) {
  const auto reference = ops_backend("reference").make({.threads = 1});
  const auto cpu = ops_backend("cpu").make({.threads = 2});
  for_seeds(100, [&](uint64_t seed) {
    Random random(seed + 500);
    const RouteCase c = random_route(random, RouterScore::sigmoid);
    const Routed expected = run_route(*reference, problem_of(c));
    const Routed together = run_route(*cpu, problem_of(c));
    EXPECT_EQ(together.chosen, expected.chosen);
    EXPECT_TRUE(same_bits(together.weights, expected.weights));
    for (int64_t row = 0; row < c.problem.rows; ++row) {
      Route alone = problem_of(c);
      alone.logits += row * alone.experts;
      alone.rows = 1;
      const Routed one = run_route(*cpu, alone);
      const auto at = static_cast<size_t>(row * alone.top_k);
      for (size_t i = 0; i < one.chosen.size(); ++i) {
        EXPECT_EQ(one.chosen[i], expected.chosen[at + i]);
        EXPECT_EQ(one.weights[i], expected.weights[at + i]);
      }
    }
  });
}

Route one_row(const std::vector<float>& logits, RouterScore score, int64_t top_k) {
  return {.logits = logits.data(), .rows = 1, .experts = static_cast<int64_t>(logits.size()), .top_k = top_k,
          .score = score, .renormalise = true, .scaling = 1.0f};
}

TEST(Route, TiesGoToTheLowestExpertAndTheLowestGroup) {
  const auto ops = ops_backend("cpu").make({.threads = 1});
  const std::vector<float> logits(8, 1.0f);
  Route problem = one_row(logits, RouterScore::sigmoid, 3);
  EXPECT_EQ(run_route(*ops, problem).chosen, (std::vector<int32_t>{0, 1, 2}));
  problem.groups = 4;
  problem.top_groups = 2;
  const std::vector<float> correction = {0, 0, 1, 1, 1, 1, 0, 0};
  problem.correction = correction.data();
  const Routed routed = run_route(*ops, problem);
  EXPECT_EQ(routed.chosen, (std::vector<int32_t>{2, 3, 4}));
  EXPECT_TRUE(same_bits(routed.weights, std::vector<float>(3, routed.weights[0])));  // the correction does not weigh
}

TEST(Route, WhateverTheLogitsAreItChoosesExpertsThatExist) {
  const auto ops = ops_backend("cpu").make({.threads = 1});
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -1e30f}) {
    const std::vector<float> logits(7, value);
    for (const RouterScore score : {RouterScore::softmax, RouterScore::softmax_top_k, RouterScore::sigmoid}) {
      EXPECT_EQ(run_route(*ops, one_row(logits, score, 2)).chosen, (std::vector<int32_t>{0, 1}));
    }
  }
  const std::vector<float> low(4, -200.0f);  // every sigmoid underflows: no expert weighs, and none is NaN
  EXPECT_EQ(run_route(*ops, one_row(low, RouterScore::sigmoid, 2)).weights, (std::vector<float>{0, 0}));
}

}  // namespace
}  // namespace yoke::kernels
