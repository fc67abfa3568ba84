// What GGUF's keys say about a model, and what they may not say.
#include <gtest/gtest.h>

#include "core/error.h"
#include "model/catalogue.h"
#include "tests/model/made_files.h"

namespace yoke::model {
namespace {

class GgufConfig : public ::testing::Test {
 protected:
  Checkpoint open() { return open_checkpoint(folder_.write("made.gguf", made_.bytes())); }
  void expect_refused(Code code, const std::vector<std::string>& parts) {
    expect_error(code, parts, [&] { open(); });
    made_ = made_llama_gguf();
  }

  MadeFolder folder_;
  MadeGguf made_ = made_llama_gguf();
};

TEST_F(GgufConfig, RefusesOtherArchitecturesByTheirName) {
  made_.set("general.architecture", text_value("mamba"));
  expect_refused(Code::unsupported, {"'mamba'", "llama, command-r, qwen2, qwen3, qwen3moe", "are"});
  made_.remove("general.architecture");
  expect_refused(Code::bad_file, {"no key general.architecture"});
  made_.set("llama.expert_count", u32_value(8));
  expect_refused(Code::bad_file, {"no key llama.expert_used_count"});
  made_.set("split.count", typed(kU16, bytes_of<uint16_t>(3)));
  expect_refused(Code::bad_file, {"split.count = 3", "-0000N-of-0000M.gguf"});
}

TEST_F(GgufConfig, DemandsEveryNumberInItsRange) {
  for (const char* key : {"llama.block_count", "llama.context_length", "llama.embedding_length",
                          "llama.feed_forward_length", "llama.attention.head_count"}) {
    made_.remove(key);
    expect_refused(Code::bad_file, {std::string("no key ") + key, "an integer from 1"});
    for (const std::string& value :
         {u32_value(0), u32_value(UINT32_MAX), typed(kI32, bytes_of<int32_t>(-1)),
          typed(kU64, bytes_of<uint64_t>(UINT64_MAX)), f32_value(1.0f), text_value("1"), i32_array({1})}) {
      made_.set(key, value);
      expect_refused(Code::bad_file, {std::string(key) + " = ", "an integer from 1"});
    }
  }
}

TEST_F(GgufConfig, DemandsWholeKvGroupsAndEvenHeads) {
  made_.set("llama.attention.head_count_kv", u32_value(3));
  expect_refused(Code::bad_file, {"2 heads and 3 KV heads"});
  made_.set("llama.attention.key_length", u32_value(31)).set("llama.attention.value_length", u32_value(31));
  made_.remove("llama.rope.dimension_count");
  expect_refused(Code::bad_file, {"a head of 31 elements", "even"});
}

TEST_F(GgufConfig, TakesTheHeadsSizeFromKeyLengthBeforeHiddenByHeads) {
  made_.set("llama.attention.key_length", u32_value(16)).set("llama.attention.value_length", u32_value(16));
  made_.set("llama.rope.dimension_count", u32_value(16));
  EXPECT_EQ(open().config.head_dim, 16);
  made_.set("llama.rope.dimension_count", u32_value(8));
  expect_refused(Code::unsupported, {"RoPE over 8 of a head's 16 elements", "llama"});
  made_.set("llama.attention.value_length", u32_value(64));
  expect_refused(Code::unsupported, {"keys of 32 and values of 64"});
}

TEST_F(GgufConfig, ReadsLinearRopeScalingInBothSpellings) {
  made_.set("llama.rope.scaling.type", text_value("linear")).set("llama.rope.scaling.factor", f32_value(4.0f));
  EXPECT_EQ(open().config.rope.scaling, RopeScaling::linear);
  EXPECT_EQ(open().config.rope.factor, 4.0);
  made_ = made_llama_gguf();
  made_.set("llama.rope.scale_linear", f32_value(2.0f));
  EXPECT_EQ(open().config.rope.scaling, RopeScaling::linear);
  EXPECT_EQ(open().config.rope.factor, 2.0);
  made_ = made_llama_gguf();
  made_.set("llama.rope.scaling.type", text_value("none")).set("llama.rope.scaling.factor", f32_value(4.0f));
  EXPECT_EQ(open().config.rope.scaling, RopeScaling::none);
  made_ = made_llama_gguf();
  made_.set("llama.rope.scaling.type", text_value("longrope"));
  expect_refused(Code::unsupported, {"'longrope'"});
}

TEST_F(GgufConfig, RefusesNumbersThatMakeNoSense) {
  const float infinity = std::numeric_limits<float>::infinity();
  made_.set("llama.rope.freq_base", f32_value(infinity));
  expect_refused(Code::bad_file, {"llama.rope.freq_base = inf"});
  made_.set("llama.rope.freq_base", f32_value(0.0f));
  expect_refused(Code::bad_file, {"a RoPE base of 0"});
  made_.set("llama.attention.layer_norm_rms_epsilon", f32_value(std::numeric_limits<float>::quiet_NaN()));
  expect_refused(Code::bad_file, {"= nan"});
  made_.set("llama.attention.layer_norm_rms_epsilon", f32_value(0.0f));
  expect_refused(Code::bad_file, {"an epsilon of 0"});
  made_.set("llama.rope.scaling.type", text_value("linear")).set("llama.rope.scaling.factor", f32_value(0.0f));
  expect_refused(Code::bad_file, {"a RoPE factor of 0"});
}

TEST_F(GgufConfig, TakesTheVocabularyFromKeyTokensOrEmbedding) {
  EXPECT_EQ(open().config.vocab, 8) << "from the tokens";
  made_.set("llama.vocab_size", u32_value(9));
  expect_error(Code::bad_file, {"[8, 64]", "[9, 64]"}, [&] {
    const Checkpoint c = open();
    Catalogue catalogue(c);
  });
  made_.set("llama.vocab_size", u32_value(7));
  expect_refused(Code::bad_file, {"llama.vocab_size = 7", "at least the 8 tokens"});
  made_.remove("tokenizer.ggml.tokens");
  const Checkpoint without = open();
  EXPECT_EQ(without.config.vocab, 8) << "from the embedding";
  EXPECT_FALSE(without.tokenizer.has_value());
}

TEST_F(GgufConfig, IsTiedWhereItHasNoOutputTensor) {
  made_.tensors.pop_back();
  const Checkpoint checkpoint = open();
  EXPECT_TRUE(checkpoint.config.tied);
  EXPECT_EQ(Catalogue(checkpoint).head().codes->name, "token_embd.weight");
}

TEST_F(GgufConfig, FindsRopeFreqs) {
  made_.tensors.push_back({"rope_freqs.weight", {16}});
  const Checkpoint checkpoint = open();
  EXPECT_EQ(Catalogue(checkpoint).at(Role::rope_freqs).codes->shape, (std::vector<int64_t>{16}));
}

TEST_F(GgufConfig, RefusesTokenizersThatContradictThemselves) {
  made_.set("tokenizer.ggml.token_type", i32_array({1, 1}));
  expect_refused(Code::bad_file, {"an array of 2 integers", "one type for each token"});
  made_.set("tokenizer.ggml.token_type", i32_array({1, 1, 1, 1, 1, 1, 1, -1}));
  expect_refused(Code::bad_file, {"tokenizer.ggml.token_type", "types from 0"});
  made_.set("tokenizer.ggml.bos_token_id", u32_value(8));
  expect_refused(Code::bad_file, {"tokenizer.ggml.bos_token_id = 8", "below 8"});
  made_.set("tokenizer.ggml.tokens", i32_array({1, 2}));
  expect_refused(Code::bad_file, {"tokenizer.ggml.tokens = an array of 2 integers", "an array of strings"});
}

TEST_F(GgufConfig, TakesMinusOneForNoToken) {
  made_.set("tokenizer.ggml.padding_token_id", u32_value(UINT32_MAX));
  made_.set("tokenizer.ggml.unknown_token_id", typed(kI32, bytes_of<int32_t>(-1)));
  const Checkpoint checkpoint = open();
  EXPECT_FALSE(checkpoint.tokenizer->pad.has_value());
  EXPECT_FALSE(checkpoint.tokenizer->unk.has_value());
}

TEST_F(GgufConfig, AddsBosAsThePreTokenizerWantsWhereNoKeySays) {
  made_.remove("tokenizer.ggml.add_bos_token");
  EXPECT_FALSE(open().tokenizer->add_bos);
  made_.set("tokenizer.ggml.pre", text_value("llama-bpe"));
  EXPECT_TRUE(open().tokenizer->add_bos);
}

}  // namespace
}  // namespace yoke::model
