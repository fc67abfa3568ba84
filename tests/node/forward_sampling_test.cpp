// Tokens as a coordinator gets them: drawn by whole groups, several steps in flight.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "forward_group.h"
#include "forward_script.h"
#include "sampler_reference.h"

namespace yoke::node {
namespace {

using transport::proto::Sampling;

const Tokens kPrompt{5, 17, 99, 300, 12, 44, 7, 411, 23, 9};

// Everything at once: penalties, filters, bias, log probabilities.
Sampling lively_sampling(uint64_t seed) {
  Sampling s;
  s.set_temperature(1.3f);
  s.set_top_p(0.95f);
  s.set_seed(seed);
  s.set_presence_penalty(0.4f);
  s.set_frequency_penalty(0.3f);
  s.set_repetition_penalty(1.2f);
  for (const int32_t token : kPrompt) s.add_prompt_tokens(static_cast<uint32_t>(token));
  s.add_bias_tokens(3);
  s.add_bias_values(2.0f);
  s.set_logprobs(5);
  return s;
}

// A sequence that draws n tokens. `lag`: how many of the newest tokens the coordinator does not know of when it plans.
std::vector<Step> plan_run(uint64_t first_step, uint64_t id, size_t n, size_t lag, const Tokens& known_tokens) {
  ScriptSequence s = script_sequence(id, static_cast<uint32_t>(8 * id), 8);
  std::vector<Step> steps;
  for (size_t i = 0; i < n; ++i) {
    Sampling sampling = lively_sampling(id);
    const size_t known = i == 0 ? 0 : i - std::min(i, lag);
    for (size_t j = 0; j < known; ++j) sampling.add_generated_tokens(static_cast<uint32_t>(known_tokens.at(j)));
    const uint64_t step = first_step + i;
    if (i == 0) steps.push_back(step_of(step, {sampled(rows_entry(s, kPrompt, WantLogits::none), sampling)}));
    else if (lag == 0) steps.push_back(step_of(step, {sampled(rows_entry(s, std::span(known_tokens).subspan(i - 1, 1), WantLogits::none), sampling)}));
    else steps.push_back(step_of(step, {sampled(drawn_entry(s, step - 1), sampling)}));
  }
  return steps;
}

std::vector<std::string> results_of(const std::vector<StepOutput>& outputs) {
  std::vector<std::string> results;
  for (const StepOutput& out : outputs) {
    for (const EntryResult& entry : out.result.entries()) results.push_back(entry.SerializeAsString());
  }
  return results;
}

// Every step planned after the one before was answered: the coordinator knows all.
struct Known {
  Tokens tokens;
  std::vector<std::string> results;
};

Known run_step_by_step(ForwardGroup& group, size_t n) {
  Known known;
  for (size_t i = 0; i < n; ++i) {
    known.tokens.push_back(0);  // not read by this step's plan
    const StepOutput out = group.run(plan_run(1, 1, i + 1, 0, known.tokens).back());
    known.tokens.back() = static_cast<int32_t>(out.result.entries(0).token());
    known.results.push_back(out.result.entries(0).SerializeAsString());
  }
  return known;
}

TEST(ForwardSampling, TokensAndLogProbabilitiesAreEqualForEveryLayoutAndWhateverTheCoordinatorKnows) {
  constexpr size_t kTokens = 30;
  ForwardGroup one(golden_model("llama"), {.layout = {1, 1}});
  const Known known = run_step_by_step(one, kTokens);
  EXPECT_GT(std::set<int32_t>(known.tokens.begin(), known.tokens.end()).size(), 5u) << "a dull run proves little";
  for (const parallel::Layout layout : kLayouts) {
    for (const size_t lag : {1, 2, 5}) {
      ForwardGroup group(golden_model("llama"), {.layout = layout});
      EXPECT_EQ(results_of(group.run(plan_run(1, 1, kTokens, lag, known.tokens))), known.results) << layout.name() << " lag " << lag;
    }
  }
}

// Two sequences take turns, as the scheduler does for two stages: each step reads what the step before the last drew.
TEST(ForwardSampling, SequencesThatAlternateInAPipelineDrawAsAlone) {
  constexpr size_t kTokens = 20;
  const auto alternate = [&](parallel::Layout layout) {
    ForwardGroup group(golden_model("llama"), {.layout = layout});
    ScriptSequence a = script_sequence(1, 0, 8), b = script_sequence(2, 8, 8);
    std::vector<Step> steps;
    for (uint64_t i = 1; i <= 2 * kTokens; ++i) {
      ScriptSequence& s = i % 2 == 1 ? a : b;
      Sampling sampling = lively_sampling(s.id);
      sampling.set_repetition_penalty(1);
      sampling.set_presence_penalty(0);
      sampling.set_frequency_penalty(0);
      steps.push_back(step_of(i, {sampled(i <= 2 ? rows_entry(s, kPrompt, WantLogits::none) : drawn_entry(s, i - 2), sampling)}));
    }
    return results_of(group.run(steps));
  };
  const auto expected = alternate({1, 1});
  EXPECT_EQ(alternate({1, 2}), expected);
  EXPECT_EQ(alternate({2, 2}), expected);
  EXPECT_EQ(alternate({1, 3}), expected);
}

// A stage may not drown in tokens that nobody asks for: prompts whose samples are never read back by from_step.
TEST(ForwardSampling, ManyStepsInFlightNeitherHangNorGrow) {
  ForwardGroup group(golden_model("llama"), {.layout = {2, 2}});
  std::vector<Step> steps;
  for (uint64_t i = 1; i <= 200; ++i) {
    ScriptSequence s = script_sequence(i, static_cast<uint32_t>(i % 8) * 8, 8);
    StepEntry over;
    over.set_sequence(i - 1);
    over.set_release(true);
    steps.push_back(step_of(i, {sampled(rows_entry(s, kPrompt, WantLogits::none)), over}));
  }
  const auto results = results_of(group.run(steps));
  EXPECT_EQ(results.size(), 200u);
}

TEST(ForwardSampling, PromptLogProbabilitiesAreThoseOfTheFollowingTokens) {
  ForwardGroup group(golden_model("llama"), {.layout = {2, 1}});
  ScriptSequence s = script_sequence(1, 0, 8);
  const std::span<const int32_t> prompt(kPrompt);
  std::vector<double> got;
  std::vector<float> logits;
  for (uint64_t chunk = 0; chunk < 2; ++chunk) {  // 10 tokens in two chunks of 5: row 4 looks at the next chunk's first
    StepEntry entry = rows_entry(s, prompt.subspan(chunk * 5, 5), WantLogits::all);
    entry.set_prompt_logprobs(3);
    entry.set_next_token(chunk == 0 ? kPrompt[5] : -1);
    const StepOutput out = group.run(step_of(chunk + 1, {entry}));
    for (const auto& row : out.result.entries(0).prompt()) {
      got.push_back(row.logprob());
      EXPECT_EQ(row.top_size(), 3);
    }
    logits.insert(logits.end(), out.logits.at(1).begin(), out.logits.at(1).end());
  }
  ASSERT_EQ(got.size(), kPrompt.size() - 1);
  for (size_t i = 0; i + 1 < kPrompt.size(); ++i) {
    const std::vector<float> row(logits.begin() + static_cast<long>(512 * i), logits.begin() + static_cast<long>(512 * (i + 1)));
    EXPECT_NEAR(got[i], sampler::reference_logprob(row, kPrompt[i + 1]), 1e-5);
  }
}

TEST(ForwardSampling, AnIdleStepIsAnswered) {
  ForwardGroup group(golden_model("llama"), {.layout = {2, 2}});
  const StepOutput out = group.run(step_of(1, {}));
  EXPECT_EQ(out.result.id(), 1u);
  EXPECT_EQ(out.result.entries_size(), 0);
}

}  // namespace
}  // namespace yoke::node
