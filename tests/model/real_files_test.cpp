// The readers on files that others wrote: the goldens' tiny models and the real SmolLM2.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "core/error.h"
#include "model/catalogue.h"
#include "model/tensor_file.h"

namespace yoke::model {
namespace {

namespace fs = std::filesystem;

const fs::path kGoldens = fs::path(YOKE_SOURCE_DIR) / "tests" / "golden";

TEST(GoldenModel, TiedLlamaInTheSpellingOfTransformers4) {
  const Checkpoint checkpoint = open_checkpoint(kGoldens / "models" / "llama");
  const ModelConfig& c = checkpoint.config;
  EXPECT_EQ(c.architecture, "llama");
  EXPECT_EQ(c.name, "llama");
  EXPECT_EQ(c.hidden, 192);
  EXPECT_EQ(c.layers, 3);
  EXPECT_EQ(c.heads, 6);
  EXPECT_EQ(c.kv_heads, 3);
  EXPECT_EQ(c.head_dim, 32);
  EXPECT_EQ(c.intermediate, 160);
  EXPECT_EQ(c.vocab, 512);
  EXPECT_EQ(c.context_length, 128);
  EXPECT_EQ(c.norm_epsilon, 1e-6f);
  EXPECT_TRUE(c.tied);
  EXPECT_EQ(c.rope.style, RopeStyle::halves);
  EXPECT_EQ(c.rope.theta, 500000.0);
  EXPECT_EQ(c.rope.scaling, RopeScaling::llama3);
  EXPECT_EQ(c.rope.factor, 8.0);
  EXPECT_EQ(c.rope.low_freq_factor, 1.0);
  EXPECT_EQ(c.rope.high_freq_factor, 4.0);
  EXPECT_EQ(c.rope.original_context, 32);
  EXPECT_FALSE(checkpoint.tokenizer.has_value());

  const Catalogue catalogue(checkpoint);
  EXPECT_EQ(catalogue.head().codes->name, "model.embed_tokens.weight");
  EXPECT_EQ(catalogue.find(Role::head), nullptr);
  EXPECT_EQ(catalogue.find(Role::q_bias, 0), nullptr);
  const TensorInfo& down = *catalogue.at(Role::down, 0).codes;
  EXPECT_EQ(down.dtype, Dtype::bf16);
  EXPECT_EQ(down.shape, (std::vector<int64_t>{192, 160}));
  EXPECT_EQ(down.offset, 8u + 3072 + 196992);
  EXPECT_EQ(down.bytes, 192u * 160 * 2);
}

TEST(GoldenModel, UntiedLlamaWithBiasesInTheSpellingOfTransformers5) {
  const Checkpoint checkpoint = open_checkpoint(kGoldens / "models" / "llama_untied");
  EXPECT_FALSE(checkpoint.config.tied);
  EXPECT_EQ(checkpoint.config.head_dim, 32) << "which is not hidden / heads";
  EXPECT_EQ(checkpoint.config.hidden, 96);
  EXPECT_EQ(checkpoint.config.norm_epsilon, 0.01f);
  EXPECT_EQ(checkpoint.config.rope.theta, 10000.0);
  EXPECT_EQ(checkpoint.config.rope.scaling, RopeScaling::none);
  const Catalogue catalogue(checkpoint);
  EXPECT_EQ(catalogue.head().codes->name, "lm_head.weight");
  for (const Role role :
       {Role::q_bias, Role::k_bias, Role::v_bias, Role::o_bias, Role::gate_bias, Role::up_bias, Role::down_bias}) {
    EXPECT_NE(catalogue.find(role, 3), nullptr) << name(role);
  }
}

TEST(GoldenModel, TheFileBesideItsConfigIsTheFolder) {
  const Checkpoint folder = open_checkpoint(kGoldens / "models" / "llama" / "");
  const Checkpoint file = open_checkpoint(kGoldens / "models" / "llama" / "model.safetensors");
  EXPECT_EQ(folder.identity, file.identity);
  EXPECT_EQ(folder.config.name, file.config.name);
  EXPECT_EQ(folder.identity.size(), 64u);
  EXPECT_NE(folder.identity, open_checkpoint(kGoldens / "models" / "llama_untied").identity);
}

TEST(TensorFile, GivesAGoldensArraysInTheirOwnTypes) {
  const TensorFile golden(kGoldens / "models" / "llama" / "golden.safetensors");
  EXPECT_EQ(golden.find("logits")->shape, (std::vector<int64_t>{37, 512}));
  EXPECT_EQ(golden.read<float>("logits").size(), 37u * 512);
  EXPECT_EQ(golden.read<float>("greedy_margin").size(), 24u);
  const std::vector<int32_t> ids = golden.read<int32_t>("input_ids");
  ASSERT_EQ(ids.size(), 37u);
  for (const int32_t id : ids) EXPECT_TRUE(id >= 0 && id < 512) << id;
  EXPECT_EQ(golden.find("nothing"), nullptr);
  EXPECT_THROW(golden.read<float>("nothing"), Error);
  EXPECT_THROW(golden.read<float>("input_ids"), Error);
}

fs::path real_model() {
  if (const char* named = std::getenv("YOKE_TEST_MODEL")) return named;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const fs::path root = cache ? fs::path(cache) : fs::path(home ? home : "") / ".cache";
  return root / "yoke" / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf";
}

TEST(RealModel, SmolLm2OpensWithItsTokenizer) {
  const fs::path path = real_model();
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not there; scripts/quickstart fetches it";
  const Checkpoint checkpoint = open_checkpoint(path);
  const ModelConfig& c = checkpoint.config;
  EXPECT_EQ(c.name, path.stem().string());
  EXPECT_EQ(c.hidden, 576);
  EXPECT_EQ(c.layers, 30);
  EXPECT_EQ(c.heads, 9);
  EXPECT_EQ(c.kv_heads, 3);
  EXPECT_EQ(c.head_dim, 64);
  EXPECT_EQ(c.intermediate, 1536);
  EXPECT_EQ(c.vocab, 49152);
  EXPECT_EQ(c.context_length, 8192);
  EXPECT_EQ(c.norm_epsilon, 1e-5f);
  EXPECT_TRUE(c.tied);
  EXPECT_EQ(c.rope.style, RopeStyle::neighbours);
  EXPECT_EQ(c.rope.theta, 100000.0);

  const Catalogue catalogue(checkpoint);
  EXPECT_EQ(catalogue.head().codes->dtype, Dtype::q8_0);
  EXPECT_EQ(catalogue.head().codes->shape, (std::vector<int64_t>{49152, 576}));
  const TensorInfo& gate = *catalogue.at(Role::gate, 0).codes;
  EXPECT_EQ(gate.dtype, Dtype::q4_1);
  EXPECT_EQ(gate.shape, (std::vector<int64_t>{1536, 576}));
  EXPECT_EQ(gate.offset, 1785664u + 30636288) << "the data begins behind a header of 1785664 bytes";
  EXPECT_EQ(gate.bytes, 1536u * 576 / 32 * 20);

  ASSERT_TRUE(checkpoint.tokenizer.has_value());
  const TokenizerAssets& t = *checkpoint.tokenizer;
  EXPECT_EQ(t.model, "gpt2");
  EXPECT_EQ(t.pre, "smollm");
  EXPECT_EQ(t.tokens.size(), 49152u);
  EXPECT_EQ(t.tokens[1], "<|im_start|>");
  EXPECT_EQ(t.token_types.size(), 49152u);
  EXPECT_EQ(t.merges.size(), 48900u);
  EXPECT_EQ(t.bos, 1);
  EXPECT_EQ(t.eos, 2);
  EXPECT_EQ(t.unk, 0);
  EXPECT_EQ(t.pad, 2);
  EXPECT_FALSE(t.add_bos);
  EXPECT_FALSE(t.add_space_prefix);
  EXPECT_EQ(t.chat_template.substr(0, 16), "{% for message i");
}

}  // namespace
}  // namespace yoke::model
