#include "cli/verification.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cli/cluster_options.h"
#include "cli/supervisor.h"
#include "core/error.h"

namespace yoke::cli {
namespace {

// Two prompt tokens, three greedy ones, a vocabulary of four; logits of the prompt's rows.
Golden small_golden() {
  Golden golden;
  golden.file = "small";
  golden.input_ids = {0, 1};
  golden.greedy_ids = {2, 3, 1};
  golden.greedy_margin = {1.0f, 0.5f, 0.001f};
  golden.vocab = 4;
  golden.logits = {0, 1, 2, 3, 0, 1, 5, 3};
  return golden;
}

using Rows = std::vector<std::vector<float>>;
Rows right_rows() { return {{0, 1, 2, 3}, {0, 1, 5, 3}, {0, 0, 0, 1}, {0, 1, 0, 0}}; }

Verdict compare(const Golden& golden, Bound bound, const Rows& rows) {
  Comparison comparison(golden, bound);
  for (const auto& row : rows) comparison.row(row);
  return comparison.verdict();
}

TEST(Verification, FeedsThePromptAndAllGreedyTokensButTheLast) {
  EXPECT_EQ(small_golden().fed_tokens(), (std::vector<int32_t>{0, 1, 2, 3}));
  EXPECT_EQ(small_golden().range(), 5.0);
}

TEST(Verification, ExactAgreementIsOkAndHashed) {
  const Verdict verdict = compare(small_golden(), bound_of("exact", "f32"), right_rows());
  EXPECT_TRUE(verdict.ok);
  EXPECT_EQ(verdict.agree, 3);
  EXPECT_FALSE(verdict.first_mismatch);
  EXPECT_EQ(verdict.max_abs_diff, 0.0);
  EXPECT_EQ(verdict.logits_hash.size(), 64u);
  Rows others = right_rows();
  others[3][0] = -0.0f;  // equal as a number, another bit: another hash
  EXPECT_NE(compare(small_golden(), bound_of("exact", "f32"), others).logits_hash, verdict.logits_hash);
}

TEST(Verification, Bf16AllowsATokenToDifferWhereItsLogitsCanTurnTheOrderRound) {
  Rows rows = right_rows();
  rows[2] = {0, 9, 0, 1};  // the golden's margin is 0.5, and 2 x 0.02 x its range 0.2
  EXPECT_FALSE(compare(small_golden(), bound_of("bf16", "bf16"), rows).ok);
  Golden wide = small_golden();
  wide.logits[0] = rows[0][0] = -8;  // a range of 13: 0.52
  EXPECT_TRUE(compare(wide, bound_of("bf16", "bf16"), rows).ok);
}

TEST(Verification, Bf16AllowsOneRowInEightToBeBeyond) {
  for (const int rows : {7, 8}) {
    Golden golden = small_golden();
    golden.input_ids.assign(static_cast<size_t>(rows), 0);
    golden.logits.clear();
    Rows got;
    for (int i = 0; i < rows; ++i) {
      golden.logits.insert(golden.logits.end(), {0, 1, 5, 3});
      got.push_back({0, 1, 5, 3});
    }
    got.push_back({0, 0, 0, 1});
    got.push_back({0, 1, 0, 0});
    got.front() = {0, 5, 1, 3};
    EXPECT_EQ(compare(golden, bound_of("bf16", "bf16"), got).ok, rows == 8);
  }
}

TEST(Verification, ExactAllowsNoTokenToDifferWhateverItsMargin) {
  Rows rows = right_rows();
  rows[3] = {0, 0, 0, 9};
  const Verdict verdict = compare(small_golden(), bound_of("exact", "f32"), rows);
  EXPECT_FALSE(verdict.ok);
  ASSERT_TRUE(verdict.first_mismatch);
  EXPECT_EQ(verdict.first_mismatch->index, 2);
  EXPECT_EQ(verdict.first_mismatch->got, 3);
}

TEST(Verification, AnotherModeMayDifferWhereTheMarginIsBelowItsBound) {
  Rows rows = right_rows();
  rows[3] = {0, 0, 0, 9};
  EXPECT_TRUE(compare(small_golden(), {.margin = 0.01, .logits = 0.1}, rows).ok);
  rows[2] = {9, 0, 0, 0};
  EXPECT_FALSE(compare(small_golden(), {.margin = 0.01, .logits = 0.1}, rows).ok);
}

TEST(Verification, LogitsMustLieWithinTheBoundOfTheRange) {
  Rows rows = right_rows();
  rows[0][0] = 4e-5f;
  EXPECT_TRUE(compare(small_golden(), bound_of("exact", "f32"), rows).ok);
  rows[0][0] = 6e-5f;
  EXPECT_FALSE(compare(small_golden(), bound_of("exact", "f32"), rows).ok);
  rows[0][0] = std::nanf("");
  EXPECT_FALSE(compare(small_golden(), bound_of("exact", "f32"), rows).ok) << "a NaN is never close";
}

TEST(Verification, MissingRowsAreAnErrorAndNotAVerdict) {
  Rows rows = right_rows();
  rows.pop_back();
  EXPECT_THROW(compare(small_golden(), bound_of("exact", "f32"), rows), Error);
}

TEST(Verification, ModesWithoutADocumentedBoundAreRefusedByName) { EXPECT_THROW(bound_of("fast", "f32"), Error); }

TEST(ClusterOptions, DefaultIsTwoAgentsWithHalfOfEachLayer) {
  EXPECT_EQ(resolve_layout({}).name(), "tp2pp1");
  EXPECT_EQ(resolve_layout({.nodes = 1}).name(), "tp1pp1");
  EXPECT_EQ(resolve_layout({.nodes = 4}).name(), "tp2pp2");
  EXPECT_EQ(resolve_layout({.nodes = 3}).name(), "tp1pp3");
  EXPECT_EQ(resolve_layout({.tp = 1}).name(), "tp1pp1");
  EXPECT_EQ(resolve_layout({.pp = 2}).name(), "tp1pp2");
  EXPECT_EQ(resolve_layout({.nodes = 4, .pp = 4}).name(), "tp1pp4");
  EXPECT_THROW(resolve_layout({.nodes = 3, .tp = 2}), Error);
}

TEST(RestartBudget, AllowsSoManyWithinItsWindowAndForgetsOldOnes) {
  RestartBudget budget(2, std::chrono::seconds(60));
  const TimePoint start{};
  EXPECT_TRUE(budget.take(start));
  EXPECT_TRUE(budget.take(start + std::chrono::seconds(1)));
  EXPECT_FALSE(budget.take(start + std::chrono::seconds(2)));
  EXPECT_TRUE(budget.take(start + std::chrono::seconds(62)));
}

}  // namespace
}  // namespace yoke::cli
