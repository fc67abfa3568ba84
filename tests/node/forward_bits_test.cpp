// docs/bits.md, held to its word: one row's logits are equal in every bit over layouts, chunks, batches and block tables.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "forward_group.h"
#include "forward_script.h"
#include "model/tensor_file.h"

namespace yoke::node {
namespace {

struct Case {
  std::filesystem::path model;
  Tokens tokens;             // prompt and continuation
  std::vector<float> expected;  // one rank, one step
};

Case make_case(const std::filesystem::path& folder, Dtype kv = Dtype::f32) {
  const model::TensorFile golden(folder / "golden.safetensors");
  Case c{golden_checkpoint(folder), golden.read<int32_t>("input_ids"), {}};
  for (const int32_t token : golden.read<int32_t>("greedy_ids")) c.tokens.push_back(token);
  ForwardGroup group(c.model, {.layout = {1, 1, 1}, .kv = kv});
  ScriptSequence s = script_sequence(1, 0, 8);
  c.expected = group.run(step_of(1, {rows_entry(s, c.tokens, WantLogits::all)})).logits.at(1);
  return c;
}

// Reads the case's tokens in chunks and returns all logits.
std::vector<float> read_in_chunks(ForwardGroup& group, const Case& c, size_t chunk, ScriptSequence s, uint64_t& step) {
  std::vector<float> all;
  for (size_t begin = 0; begin < c.tokens.size(); begin += chunk) {
    const auto rows = std::span(c.tokens).subspan(begin, std::min(chunk, c.tokens.size() - begin));
    const StepOutput out = group.run(step_of(++step, {rows_entry(s, rows, WantLogits::all)}));
    all.insert(all.end(), out.logits.at(s.id).begin(), out.logits.at(s.id).end());
  }
  return all;
}

class ForwardBits : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    folder_ = golden_folder(GetParam());
    if (!folder_) GTEST_SKIP() << GetParam() << " is in the larger collection of goldens: set YOKE_SHARED to its folder";
  }
  std::optional<std::filesystem::path> folder_;
};

TEST_P(ForwardBits, EveryLayoutAndEveryChunkGivesTheSameLogits) {
  const Case c = make_case(*folder_);
  for (const parallel::Layout layout : kLayouts) {
    ForwardGroup group(c.model, {.layout = layout});
    uint64_t step = 0;
    for (const size_t chunk : {size_t{1}, size_t{3}, size_t{16}, c.tokens.size()}) {
      const ScriptSequence s = script_sequence(chunk, 3, 8, static_cast<uint32_t>(chunk));
      EXPECT_TRUE(equal_bits(read_in_chunks(group, c, chunk, s, step), c.expected)) << layout.name() << " chunk " << chunk;
    }
  }
}

TEST_P(ForwardBits, ReferenceKernelsGiveTheSameLogitsAsTheFastOnes) {
  const Case c = make_case(*folder_);
  ForwardGroup group(c.model, {.layout = {2, 1, 1}, .ops = "reference"});
  uint64_t step = 0;
  EXPECT_TRUE(equal_bits(read_in_chunks(group, c, c.tokens.size(), script_sequence(1, 0, 8), step), c.expected));
}

// Other sequences in the same step, prefilling and decoding, whose blocks lie between ours.
TEST_P(ForwardBits, NeighboursInTheBatchChangeNothing) {
  const Case c = make_case(*folder_);
  for (const parallel::Layout layout : kLayouts) {
    ForwardGroup group(c.model, {.layout = layout});
    std::mt19937 random(7);
    const auto noise = [&](size_t n) {
      Tokens tokens(n);
      for (int32_t& t : tokens) t = static_cast<int32_t>(random() % static_cast<uint32_t>(group.config().vocab));
      return tokens;
    };
    ScriptSequence mine = script_sequence(1, 0, 8, 5), before = script_sequence(2, 8, 8, 6), after = script_sequence(3, 16, 8, 7);
    std::vector<float> all;
    uint64_t step = 0;
    for (size_t begin = 0; begin < c.tokens.size();) {
      const size_t rows = std::min<size_t>(1 + random() % 9, c.tokens.size() - begin);
      const auto chunk = std::span(c.tokens).subspan(begin, rows);
      const StepOutput out = group.run(step_of(++step, {rows_entry(before, noise(1 + random() % 4), WantLogits::none),
                                                        rows_entry(mine, chunk, WantLogits::all),
                                                        rows_entry(after, noise(1), WantLogits::last)}));
      all.insert(all.end(), out.logits.at(1).begin(), out.logits.at(1).end());
      begin += rows;
    }
    EXPECT_TRUE(equal_bits(all, c.expected)) << layout.name();
  }
}

// The coordinator pauses a sequence, gives its blocks away and prefills it again elsewhere.
TEST_P(ForwardBits, ReadingAgainIntoOtherBlocksContinuesWithTheSameBits) {
  const Case c = make_case(*folder_);
  ForwardGroup group(c.model, {.layout = {2, 2, 1}});
  uint64_t step = 0;
  read_in_chunks(group, c, 7, script_sequence(1, 0, 8), step);
  EXPECT_TRUE(equal_bits(read_in_chunks(group, c, 7, script_sequence(1, 4, 8, 9), step), c.expected));
}

// A cache that rounds is read back rounded by prefill and decode alike.
TEST_P(ForwardBits, EveryCacheTypeGivesTheSameLogitsOverLayoutsAndChunks) {
  for (const KvTypeName& kv : kKvTypes) {
    const Case c = make_case(*folder_, kv.type);
    ForwardGroup group(c.model, {.layout = {2, 1, 1}, .kv = kv.type});
    uint64_t step = 0;
    EXPECT_TRUE(equal_bits(read_in_chunks(group, c, 5, script_sequence(1, 2, 8, 3), step), c.expected)) << kv.name;
  }
}

// What each kind of layer and format could break: windows, parallel blocks, experts, norms that span ranks, latents, sinks, scales
// and zero points inside the cut.
INSTANTIATE_TEST_SUITE_P(Models, ForwardBits,
                         testing::Values("models/llama", "models/mistral", "models/cohere", "models/qwen3_moe", "models/gpt_oss",
                                         "models/minimax_m2", "models/deepseek_v3", "quantised/llama_ct_int4_asymmetric",
                                         "quantised/mixtral_gptq_desc_act", "quantised/llama_modelopt_nvfp4", "gguf/llama"),
                         [](const auto& named) {
                           std::string name = named.param;
                           std::replace(name.begin(), name.end(), '/', '_');
                           return name;
                         });

}  // namespace
}  // namespace yoke::node
