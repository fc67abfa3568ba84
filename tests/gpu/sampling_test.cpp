// Tokens drawn from what the GPU, the double of one, found in its logits: those of the CPU, whatever the requests ask.
#include <gtest/gtest.h>

#include "kernels/ops.h"
#include "tests/node/forward_group.h"
#include "tests/node/forward_script.h"

namespace yoke::node {
namespace {

using transport::proto::Sampling;

const Tokens kPrompt{5, 17, 99, 300, 12, 44, 7, 411, 23, 9};

Sampling sampling(float temperature, float top_p = 1, uint32_t top_k = 0, float min_p = 0) {
  Sampling s = greedy_sampling();
  s.set_temperature(temperature);
  s.set_top_p(top_p);
  s.set_top_k(top_k);
  s.set_min_p(min_p);
  s.set_seed(77);
  return s;
}

// What the GPU finds, and after it what stays with the host.
std::vector<Sampling> found_samplings() {
  return {sampling(0),          sampling(1),          sampling(1.7f),        sampling(0.8f, 0.9f), sampling(1, 0.3f),
          sampling(1.2f, 1, 5), sampling(1, 0.7f, 256), sampling(1.5f, 1, 0, 0.2f), sampling(2.0f, 0.999f)};
}
std::vector<Sampling> host_samplings() {
  std::vector<Sampling> all{sampling(1), sampling(1, 0.9f), sampling(1, 1, 300)};
  all[0].set_presence_penalty(0.5f);
  all[1].set_logprobs(4);
  return all;
}

// A sequence for each sampling, all in each step: the prompt's step, then steps of one row each.
std::vector<std::string> draw(ForwardGroup& group, const std::vector<Sampling>& samplings) {
  constexpr uint64_t kSteps = 5;
  std::vector<ScriptSequence> sequences;
  for (size_t i = 0; i < samplings.size(); ++i) sequences.push_back(script_sequence(i + 1, static_cast<uint32_t>(i), 1));
  std::vector<std::string> results;
  for (uint64_t step = 1; step <= kSteps; ++step) {
    std::vector<StepEntry> entries;
    for (size_t i = 0; i < samplings.size(); ++i) {
      ScriptSequence& s = sequences[i];
      entries.push_back(sampled(step == 1 ? rows_entry(s, kPrompt, WantLogits::none) : drawn_entry(s, step - 1), samplings[i]));
    }
    const StepOutput out = group.run(step_of(step, entries));
    for (const EntryResult& entry : out.result.entries()) results.push_back(entry.SerializeAsString());
  }
  return results;
}

std::vector<std::string> draw(const GroupOptions& options, const std::vector<Sampling>& samplings) {
  ForwardGroup group(golden_model("llama"), options);
  return draw(group, samplings);
}

GroupOptions on_gpu(parallel::Layout layout) {
  return {.layout = layout, .ops = "cuda", .max_rows = 128, .kv_blocks = 32, .place = PoolPlace::device};
}

class GpuSampling : public testing::TestWithParam<parallel::Layout> {
 protected:
  void SetUp() override {
    if (const std::string why = kernels::ops_backend("cuda").unavailable(); !why.empty()) GTEST_SKIP() << "no GPU path here: " << why;
  }
};

TEST_P(GpuSampling, DrawsTheTokensOfTheCpu) {
  std::vector<Sampling> all = found_samplings();
  const size_t found = all.size();
  for (const Sampling& s : host_samplings()) all.push_back(s);
  const std::vector<std::string> expected = draw({.layout = {1, 1, 1}}, all);
  ForwardGroup group(golden_model("llama"), on_gpu(GetParam()));
  EXPECT_EQ(draw(group, all), expected);
  const auto halves = static_cast<int64_t>(5 * found) * (GetParam().tp == 1 ? 2 : 1);
  EXPECT_EQ(group.runner(0).found_halves(), halves) << "the others are the host's";
}

TEST_P(GpuSampling, OfMoreRowsThanATileHasDrawsTheTokensOfTheCpu) {
  std::vector<Sampling> many;
  for (uint64_t i = 0; i < 70; ++i) many.push_back(found_samplings()[i % 9]), many.back().set_seed(i);
  const auto one_step = [&](const GroupOptions& options) {
    ForwardGroup group(golden_model("llama"), options);
    std::vector<StepEntry> entries;
    for (size_t i = 0; i < many.size(); ++i) {
      ScriptSequence s = script_sequence(i + 1, static_cast<uint32_t>(i), 1);
      entries.push_back(sampled(rows_entry(s, std::span(kPrompt).first(1 + i % 2), WantLogits::none), many[i]));
    }
    std::vector<std::string> results;
    const StepOutput out = group.run(step_of(1, entries));
    for (const EntryResult& entry : out.result.entries()) results.push_back(entry.SerializeAsString());
    return results;
  };
  GroupOptions gpu = on_gpu(GetParam());
  gpu.kv_blocks = 128;
  EXPECT_EQ(one_step(gpu), one_step({.layout = {1, 1, 1}, .kv_blocks = 128}));
}

INSTANTIATE_TEST_SUITE_P(Layouts, GpuSampling, testing::Values(parallel::Layout{1, 1, 1}, parallel::Layout{2, 1, 1}),
                         [](const auto& info) { return info.param.tp == 1 ? "one" : "two"; });

}  // namespace
}  // namespace yoke::node
