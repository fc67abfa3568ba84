// The forward pass held against logits and tokens of the reference implementations (tests/golden), for every layout.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "forward_group.h"
#include "forward_script.h"
#include "model/tensor_file.h"

namespace yoke::node {
namespace {

// docs/bits.md: what `exact` means against a float32 reference.
constexpr double kBound = 1e-5;

struct Golden {
  explicit Golden(const std::filesystem::path& path) : file(path), input(file.read<int32_t>("input_ids")), greedy(file.read<int32_t>("greedy_ids")) {}
  model::TensorFile file;
  Tokens input, greedy;
};

// Greatest difference as a part of the golden's max - min.
double difference(const std::vector<float>& got, const std::vector<float>& expected) {
  EXPECT_EQ(got.size(), expected.size());
  double worst = 0;
  for (size_t i = 0; i < std::min(got.size(), expected.size()); ++i) worst = std::max(worst, std::abs(double(got[i]) - double(expected[i])));
  const auto [low, high] = std::minmax_element(expected.begin(), expected.end());
  return worst / (double(*high) - double(*low));
}

// The prompt in one step, then n - 1 steps that each read the token drawn before, all queued at once.
Tokens generate(ForwardGroup& group, const Tokens& prompt, size_t n, uint64_t& step, std::vector<float>* last_logits = nullptr) {
  ScriptSequence s = script_sequence(step + 1, 0, static_cast<uint32_t>(ceil_div(static_cast<int64_t>(prompt.size() + n), kKvBlockTokens)));
  std::vector<Step> steps{step_of(++step, {sampled(rows_entry(s, prompt, last_logits ? WantLogits::last : WantLogits::none))})};
  for (size_t i = 1; i < n; ++i) {
    steps.push_back(step_of(step + 1, {sampled(drawn_entry(s, step))}));
    ++step;
  }
  StepEntry over;
  over.set_sequence(s.id);
  over.set_release(true);
  steps.push_back(step_of(++step, {over}));
  const std::vector<StepOutput> outputs = group.run(steps);
  if (last_logits) *last_logits = outputs[0].logits.at(s.id);
  Tokens tokens;
  for (size_t i = 0; i < n; ++i) tokens.push_back(static_cast<int32_t>(outputs[i].result.entries(0).token()));
  return tokens;
}

struct GoldenCase {
  std::string golden;  // "models/llama"
  parallel::Layout layout;
  const char* ops = "cpu";
};

class ForwardGolden : public testing::TestWithParam<GoldenCase> {};

TEST_P(ForwardGolden, LogitsOfEveryPromptRowAndAllGreedyTokensAreTheReferences) {
  const GoldenCase& c = GetParam();
  const auto folder = golden_folder(c.golden);
  if (!folder) GTEST_SKIP() << c.golden << " is in the larger collection of goldens: set YOKE_SHARED to its folder";
  const Golden golden(*folder / "golden.safetensors");
  ForwardGroup group(golden_checkpoint(*folder), {.layout = c.layout, .ops = c.ops});
  ScriptSequence s = script_sequence(100, 8, 8);
  const StepOutput prompt = group.run(step_of(1, {rows_entry(s, golden.input, WantLogits::all)}));
  EXPECT_LE(difference(prompt.logits.at(100), golden.file.read<float>("logits")), kBound);
  uint64_t step = 1;
  EXPECT_EQ(generate(group, golden.input, golden.greedy.size(), step), golden.greedy);
}

// Each golden on one rank and on two; expert parallelism where there are experts; a plain second opinion on the kernels.
constexpr const char* kDense[] = {"models/llama",      "models/llama_untied",         "models/mistral",         "models/cohere",
                                  "models/qwen2",      "models/qwen3",                "quantised/llama_awq",    "quantised/llama_ct_fp8_channel",
                                  "quantised/llama_ct_int4", "quantised/llama_ct_int4_asymmetric", "quantised/llama_ct_nvfp4", "quantised/llama_fp8_block",
                                  "quantised/llama_gptq", "quantised/llama_gptq_desc_act", "quantised/llama_modelopt_nvfp4",
                                  "gguf/llama",        "gguf/qwen2",                  "gguf/qwen3"};
constexpr const char* kExperts[] = {"models/mixtral", "models/qwen3_moe", "models/gpt_oss", "models/glm4_moe", "models/minimax_m2", "models/deepseek_v3",
                                    "quantised/gpt_oss_mxfp4", "quantised/mixtral_awq", "quantised/mixtral_ct_fp8_channel", "quantised/mixtral_ct_int4",
                                    "quantised/mixtral_ct_nvfp4", "quantised/mixtral_fp8_block", "quantised/mixtral_gptq_desc_act",
                                    "quantised/mixtral_modelopt_nvfp4", "gguf/mixtral"};

std::vector<GoldenCase> golden_cases() {
  std::vector<GoldenCase> cases;
  const auto add = [&](const char* golden) {
    cases.push_back({golden, {1, 1, 1}});
    cases.push_back({golden, {2, 1, 1}});
  };
  for (const char* golden : kDense) add(golden);
  for (const char* golden : kExperts) {
    add(golden);
    cases.push_back({golden, {2, 1, 2}});
  }
  for (const char* golden : {"models/llama", "models/mixtral", "models/deepseek_v3"}) cases.push_back({golden, {2, 2, 1}, "reference"});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Models, ForwardGolden, testing::ValuesIn(golden_cases()), [](const auto& named) {
  std::string name = fmt::format("{}_{}_{}", named.param.golden, named.param.layout.name(), named.param.ops);
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
});

// An encoder's rows: the hidden state of every token and, behind it, what its head makes of each.
class EncoderGolden : public testing::TestWithParam<const char*> {};

TEST_P(EncoderGolden, HiddenStatesAndHeadsAreTheReferencesAndEqualOverLayouts) {
  const auto folder = golden_folder(GetParam());
  if (!folder) GTEST_SKIP() << GetParam() << " is in the larger collection of goldens: set YOKE_SHARED to its folder";
  const model::TensorFile golden(*folder / "golden.safetensors");
  const Tokens input = golden.read<int32_t>("input_ids");
  const std::vector<float> expected = golden.read<float>("last_hidden_state");
  std::vector<float> first;
  for (const parallel::Layout& layout : kLayouts) {
    ForwardGroup group(*folder, {.layout = layout});
    ScriptSequence s = script_sequence(1, 3, 8);
    const std::vector<float> rows = group.run(step_of(1, {rows_entry(s, input, WantLogits::all)})).logits.at(1);
    if (first.empty()) first = rows;
    EXPECT_TRUE(equal_bits(rows, first)) << layout.name();
    const size_t hidden = static_cast<size_t>(group.config().hidden), width = static_cast<size_t>(group.config().output_width());
    ASSERT_EQ(rows.size(), input.size() * width);
    std::vector<float> states;
    for (size_t i = 0; i < input.size(); ++i) states.insert(states.end(), rows.begin() + static_cast<std::ptrdiff_t>(i * width), rows.begin() + static_cast<std::ptrdiff_t>(i * width + hidden));
    EXPECT_LE(difference(states, expected), kBound) << layout.name();
    for (const char* name : {"pooler_output", "logits"}) {
      if (golden.find(name) == nullptr) continue;
      const std::vector<float> head = golden.read<float>(name);
      ASSERT_EQ(head.size(), width - hidden);
      for (size_t i = 0; i < head.size(); ++i) EXPECT_NEAR(rows[hidden + i], head[i], 2e-5) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, EncoderGolden, testing::Values("models/bert", "models/xlm_roberta"), [](const auto& named) {
  return std::string(named.param).substr(7);
});

std::filesystem::path real_model() {
  if (const char* path = std::getenv("YOKE_TEST_MODEL")) return path;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::filesystem::path base = cache ? cache : std::filesystem::path(home ? home : "/") / ".cache";
  return base / "yoke/models/SmolLM2-135M-Instruct.Q4_1.gguf";
}

std::vector<std::string> prompts() {
  // Three short ones cover a plain prompt, code and a chat; the others, and the long one, take minutes without optimization.
  if (std::getenv("YOKE_TEST_FULL") == nullptr) return {"capital", "code_python", "chat_system"};
  return {"capital", "story", "code_python", "science", "unicode", "digits", "chat_latency", "chat_system", "chat_turns", "chat_code",
          "chat_unicode", "long"};
}

TEST(ForwardSmolLM2, GreedyTokensAndLastLogitsAreTheFloat32References) {
  if (!std::filesystem::exists(real_model())) {
    GTEST_SKIP() << "no " << real_model() << ": scripts/quickstart fetches it, or set YOKE_TEST_MODEL";
  }
  ForwardGroup group(real_model(), {.layout = {2, 1, 1}, .max_rows = 1024});
  uint64_t step = 0;
  for (const std::string& name : prompts()) {
    SCOPED_TRACE(name);
    const Golden golden(std::filesystem::path(YOKE_SOURCE_DIR) / "tests/golden/smollm2" / fmt::format("{}.golden.safetensors", name));
    std::vector<float> logits;
    EXPECT_EQ(generate(group, golden.input, golden.greedy.size(), step, &logits), golden.greedy);
    if (golden.file.find("last_logits") != nullptr) {
      EXPECT_LE(difference(logits, golden.file.read<float>("last_logits")), kBound);
    }
  }
}

}  // namespace
}  // namespace yoke::node
