// The forward pass on a GPU, the double of one: whole groups of ranks on the kernels that nvcc made, interpreted. Mode `exact` has the
// CPU's bits; `bf16` has bits of its own, which layouts, chunks, batches and block tables do not change (docs/bits.md).
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "kernels/ops.h"
#include "model/tensor_file.h"
#include "tests/node/forward_group.h"
#include "tests/node/forward_script.h"

namespace yoke::node {
namespace {

constexpr size_t kMostTokens = 20;  // of a reference: a multiplication takes the interpreter some nanoseconds

struct Reading {
  std::filesystem::path folder;
  Tokens tokens;
};

std::optional<Reading> reading_of(const std::string& name) {
  const auto folder = golden_folder(name);
  if (!folder) return std::nullopt;
  const model::TensorFile golden(*folder / "golden.safetensors");
  Reading r{*folder, golden.read<int32_t>("input_ids")};
  for (const int32_t token : golden.read<int32_t>("greedy_ids")) r.tokens.push_back(token);
  r.tokens.resize(std::min(r.tokens.size(), kMostTokens));
  return r;
}

GroupOptions on_gpu(parallel::Layout layout, MathMode math, Dtype kv = Dtype::f32) {
  return {.layout = layout, .ops = "cuda", .kv_blocks = 32, .kv = kv, .math = math, .place = PoolPlace::device};
}

// Reads the tokens in chunks as one sequence and returns all logits.
std::vector<float> read_in_chunks(ForwardGroup& group, const Tokens& tokens, size_t chunk, ScriptSequence s, uint64_t& step) {
  std::vector<float> all;
  for (size_t begin = 0; begin < tokens.size(); begin += chunk) {
    const auto rows = std::span(tokens).subspan(begin, std::min(chunk, tokens.size() - begin));
    const StepOutput out = group.run(step_of(++step, {rows_entry(s, rows, WantLogits::all)}));
    all.insert(all.end(), out.logits.at(s.id).begin(), out.logits.at(s.id).end());
  }
  return all;
}

std::vector<float> read_whole(const Reading& r, const GroupOptions& options) {
  ForwardGroup group(golden_checkpoint(r.folder), options);
  uint64_t step = 0;
  return read_in_chunks(group, r.tokens, r.tokens.size(), script_sequence(1, 0, 4), step);
}

double difference(const std::vector<float>& got, const std::vector<float>& expected) {
  double worst = got.size() == expected.size() ? 0 : HUGE_VAL;
  for (size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
    const double one = std::abs(static_cast<double>(got[i]) - static_cast<double>(expected[i]));
    worst = one <= worst ? worst : one;  // NaN is worst
  }
  const auto [low, high] = std::minmax_element(expected.begin(), expected.end());
  return worst / (static_cast<double>(*high) - static_cast<double>(*low));
}

class GpuForward : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const std::string why = kernels::ops_backend("cuda").unavailable(); !why.empty()) GTEST_SKIP() << "no GPU path here: " << why;
    reading_ = reading_of(GetParam());
    if (!reading_) GTEST_SKIP() << GetParam() << " is in the larger collection of goldens: set YOKE_SHARED to its folder";
  }
  std::optional<Reading> reading_;
};

TEST_P(GpuForward, ModeExactHasTheBitsOfTheCpu) {
  const std::vector<float> expected = read_whole(*reading_, {.layout = {1, 1, 1}});
  for (const parallel::Layout layout : {parallel::Layout{1, 1, 1}, parallel::Layout{2, 1, 1}}) {
    EXPECT_TRUE(equal_bits(read_whole(*reading_, on_gpu(layout, MathMode::exact)), expected)) << layout.name();
  }
}

TEST_P(GpuForward, ModeBf16HasOneSetOfBitsInEveryLayoutAndChunk) {
  const std::vector<float> exact = read_whole(*reading_, {.layout = {1, 1, 1}, .kv = Dtype::bf16});
  std::vector<float> expected;
  for (const parallel::Layout layout : {parallel::Layout{1, 1, 1}, parallel::Layout{2, 1, 1}, parallel::Layout{1, 2, 1}}) {
    ForwardGroup group(golden_checkpoint(reading_->folder), on_gpu(layout, MathMode::bf16, Dtype::bf16));
    uint64_t step = 0;
    for (const size_t chunk : {reading_->tokens.size(), size_t{7}, size_t{1}}) {
      const std::vector<float> logits = read_in_chunks(group, reading_->tokens, chunk, script_sequence(chunk, 2, 4, static_cast<uint32_t>(chunk)), step);
      if (expected.empty()) expected = logits;
      EXPECT_TRUE(equal_bits(logits, expected)) << layout.name() << " chunk " << chunk;
    }
  }
  // bf16 keeps 8 bits: what that makes of these models' logits was measured, and is documented (docs/cuda.md).
  EXPECT_LT(difference(expected, exact), 0.05);
  EXPECT_GT(difference(expected, exact), 0.0);
}

TEST_P(GpuForward, NeighboursInTheBatchChangeNothing) {
  ForwardGroup group(golden_checkpoint(reading_->folder), on_gpu({2, 1, 1}, MathMode::bf16, Dtype::bf16));
  uint64_t step = 0;
  const std::vector<float> alone = read_in_chunks(group, reading_->tokens, reading_->tokens.size(), script_sequence(1, 0, 4), step);
  std::mt19937 random(7);
  Tokens noise(11);
  for (int32_t& t : noise) t = static_cast<int32_t>(random() % static_cast<uint32_t>(group.config().vocab));
  ScriptSequence mine = script_sequence(2, 4, 4, 5), before = script_sequence(3, 8, 4, 6), after = script_sequence(4, 12, 4, 7);
  const StepOutput out = group.run(step_of(++step, {rows_entry(before, noise, WantLogits::last), rows_entry(mine, reading_->tokens, WantLogits::all),
                                                    rows_entry(after, std::span(noise).first(3), WantLogits::none)}));
  EXPECT_TRUE(equal_bits(out.logits.at(2), alone));
}

INSTANTIATE_TEST_SUITE_P(References, GpuForward,
                         testing::Values("models/llama", "models/mistral", "models/mixtral", "models/qwen3", "models/qwen3_moe", "models/gpt_oss",
                                         "models/cohere", "quantised/llama_modelopt_nvfp4", "quantised/llama_ct_nvfp4", "quantised/llama_ct_fp8_channel",
                                         "quantised/llama_fp8_block", "quantised/gpt_oss_mxfp4", "quantised/mixtral_modelopt_nvfp4"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '/', '_');
                           return name;
                         });

TEST(GpuStep, ADenseDecodeLayerIsAtMostTenLaunches) {
  if (const std::string why = kernels::ops_backend("cuda").unavailable(); !why.empty()) GTEST_SKIP() << "no GPU path here: " << why;
  const Reading r = *reading_of("models/llama");
  for (const parallel::Layout layout : {parallel::Layout{1, 1, 1}, parallel::Layout{2, 1, 1}}) {
    ForwardGroup group(golden_checkpoint(r.folder), on_gpu(layout, MathMode::bf16, Dtype::bf16));
    uint64_t step = 0;
    read_in_chunks(group, {r.tokens.begin(), r.tokens.begin() + 2}, 1, script_sequence(1, 0, 4), step);
    const int64_t launches = group.runner(0).recorded_launches(1);
    EXPECT_GT(launches, 0) << "the step was not recorded";
    EXPECT_LE(launches, 10 * group.config().layers + 1) << layout.name();
  }
}

}  // namespace
}  // namespace yoke::node
