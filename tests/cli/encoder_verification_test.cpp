// An encoder's verdict over rows that the test makes: two rows of two floats, behind them what the head gives.
#include "cli/encoder_verification.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"

namespace yoke::cli {
namespace {

constexpr EncoderShape kPooler{.hidden = 2, .pooler = true};
constexpr EncoderShape kClassifier{.hidden = 2, .labels = 1};

using Rows = std::vector<std::vector<float>>;
const Rows kPoolerRows = {{3, 4, 0.5f, -0.5f}, {1, 2, 9, 9}};  // the head's values of another row than the first are nobody's
const Rows kPairRows = {{7, 8, 0, 0}, {5, 6, 0, 0}};

EncoderGolden pooler_golden() {
  return {.file = "small",
          .input_ids = {1, 2},
          .pair_token_type_ids = {0, 1},
          .tensors = {{"last_hidden_state", {3, 4, 1, 2}},
                      {"pair_last_hidden_state", {7, 8, 5, 6}},
                      {"cls", {3, 4}},
                      {"cls_normalized", {0.6f, 0.8f}},
                      {"mean", {2, 3}},
                      {"mean_normalized", {static_cast<float>(2 / std::sqrt(13.0)), static_cast<float>(3 / std::sqrt(13.0))}},
                      {"pooler_output", {0.5f, -0.5f}}}};
}

Verdict compare(const EncoderGolden& golden, const EncoderShape& shape, const Rows& rows, const Rows& pair = {}) {
  check_shape(golden, shape);
  EncoderComparison comparison(golden, shape, bound_of("exact", "f32"));
  for (const auto& row : rows) comparison.row(row);
  for (const auto& row : pair) comparison.pair_row(row);
  return comparison.verdict();
}

TEST(EncoderVerification, EveryTensorThatIsPresentAgrees) {
  const Verdict verdict = compare(pooler_golden(), kPooler, kPoolerRows, kPairRows);
  EXPECT_TRUE(verdict.ok);
  EXPECT_EQ(verdict.tokens, 2);
  EXPECT_EQ(verdict.agree, 2);
  EXPECT_EQ(verdict.tensors.size(), 7u);
  EXPECT_LT(*verdict.max_abs_diff, 1e-7);
  EXPECT_EQ(verdict.logits_hash.size(), 64u);
}

TEST(EncoderVerification, EachTensorAloneCanFailIt) {
  for (const auto& [name, values] : pooler_golden().tensors) {
    EncoderGolden golden = pooler_golden();
    golden.tensors[name].back() += 1e-3f;
    const Verdict verdict = compare(golden, kPooler, kPoolerRows, kPairRows);
    EXPECT_FALSE(verdict.ok) << name;
    EXPECT_NEAR(verdict.tensors.at(name), 1e-3, 1e-6) << name;
    EXPECT_NEAR(*verdict.max_abs_diff, 1e-3, 1e-6) << name;
    EXPECT_EQ(verdict.agree, name.ends_with("last_hidden_state") ? 1 : 2) << name;
  }
}

TEST(EncoderVerification, TheBoundGrowsWithTheRangeAndIsNeverBelowThatOfOne) {
  EncoderGolden golden{.file = "wide", .input_ids = {1}, .tensors = {{"last_hidden_state", {0, 100}}}};
  EXPECT_TRUE(compare(golden, kClassifier, {{9e-4f, 100, 0}}).ok);
  EXPECT_FALSE(compare(golden, kClassifier, {{1.1e-3f, 100, 0}}).ok);
  golden.tensors["last_hidden_state"] = {0, 0};
  EXPECT_TRUE(compare(golden, kClassifier, {{9e-6f, 0, 0}}).ok);
  EXPECT_FALSE(compare(golden, kClassifier, {{1.1e-5f, 0, 0}}).ok);
  EXPECT_FALSE(compare(golden, kClassifier, {{std::nanf(""), 0, 0}}).ok) << "a NaN is never close";
}

TEST(EncoderVerification, AScoreIsTheSigmoidOfTheFirstRowsLogit) {
  EncoderGolden golden{.file = "reranker", .input_ids = {1, 2}, .tensors = {{"logits", {-0.5f}}, {"score", {static_cast<float>(1 / (1 + std::exp(0.5)))}}}};
  EXPECT_TRUE(compare(golden, kClassifier, {{1, 2, -0.5f}, {1, 2, 7}}).ok);
  golden.tensors["score"] = {0.5f};
  EXPECT_FALSE(compare(golden, kClassifier, {{1, 2, -0.5f}, {1, 2, 7}}).ok);
}

TEST(EncoderVerification, TheHashIsOverTheHiddenStatesAlone) {
  const EncoderGolden golden{.file = "hash", .input_ids = {1}, .tensors = {{"last_hidden_state", {1, 2}}}};
  const std::string hash = compare(golden, kClassifier, {{1, 2, 3}}).logits_hash;
  EXPECT_EQ(compare(golden, kClassifier, {{1, 2, 4}}).logits_hash, hash);
  EXPECT_NE(compare(golden, kClassifier, {{1, std::nextafter(2.0f, 3.0f), 3}}).logits_hash, hash);
}

TEST(EncoderVerification, MissingRowsAreAnErrorAndNotAVerdict) {
  EXPECT_THROW(compare(pooler_golden(), kPooler, {kPoolerRows[0]}, kPairRows), Error);
  EXPECT_THROW(compare(pooler_golden(), kPooler, kPoolerRows), Error);
}

TEST(EncoderVerification, AGoldenThatTheModelCannotMeetIsRefusedByTensor) {
  EXPECT_THROW(check_shape(pooler_golden(), kClassifier), Error) << "no pooler";
  EncoderGolden golden = pooler_golden();
  golden.tensors["mean"].push_back(0);
  EXPECT_THROW(check_shape(golden, kPooler), Error);
}

}  // namespace
}  // namespace yoke::cli
