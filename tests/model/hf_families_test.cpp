// Keys of config.json that only some families have, in the spellings that the goldens do not show, and what is refused of them.
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "model/hf_config.h"
#include "tests/model/made_files.h"

namespace yoke::model {
namespace {

class HfFamilies : public ::testing::Test {
 protected:
  // Two layers of 64 with 2 heads; `more` is JSON members with a comma before each.
  ModelConfig read(const std::string& type, const std::string& more = "") {
    const std::string json = R"({"model_type":")" + type +
                             R"(","hidden_size":64,"num_hidden_layers":2,"num_attention_heads":2,"intermediate_size":96,)"
                             R"("vocab_size":8,"max_position_embeddings":256)" + more + "}";
    Checkpoint checkpoint;
    read_hf_config(folder_.write("config.json", json), checkpoint);
    return checkpoint.config;
  }
  void expect_refused(const std::string& type, const std::string& more, Code code, const std::vector<std::string>& parts) {
    expect_error(code, parts, [&] { read(type, more); });
  }

  MadeFolder folder_;
};

TEST_F(HfFamilies, HaveTheDefaultsOfTheirClass) {
  const std::string heads = R"(,"num_key_value_heads":1)";
  EXPECT_EQ(read("mistral", heads).layer_kinds[0].window, 4096);
  EXPECT_EQ(read("mistral", heads + R"(,"sliding_window":null)").layer_kinds[0].window, 0);
  EXPECT_EQ(read("mixtral", heads).layer_kinds[0].window, 0);
  EXPECT_EQ(read("mixtral", heads).moe, (Moe{.experts = 8, .top_k = 2, .intermediate = 96}));
  EXPECT_EQ(read("mixtral", heads).rope.theta, 1e6);
  EXPECT_EQ(read("qwen3", heads).head_dim, 128);
  EXPECT_EQ(read("qwen3", heads + R"(,"head_dim":null)").head_dim, 32);
  EXPECT_TRUE(read("cohere").tied);
  EXPECT_EQ(read("cohere").logit_scale, 0.0625f);
  EXPECT_EQ(read("cohere").qk_norm, QkNorm::none);
  EXPECT_FALSE(read("qwen3_moe", heads).moe.renormalise);
  EXPECT_EQ(read("gpt_oss", heads).layer_kinds, (std::vector<LayerKind>{{128, true}, {0, true}}));
  EXPECT_EQ(read("glm4_moe", heads).rope.dims, 16);
  EXPECT_EQ(read("minimax_m2", heads).rope.dims, 128);
}

TEST_F(HfFamilies, ReadWindowsInBothSpellings) {
  const std::string qwen = R"(,"num_key_value_heads":1,"sliding_window":16)";
  EXPECT_EQ(read("qwen2", qwen).layer_kinds[1].window, 0);
  const std::string on = qwen + R"(,"use_sliding_window":true)";
  EXPECT_EQ(read("qwen2", on).layer_kinds[1].window, 0) << "max_window_layers is 28 by itself";
  EXPECT_EQ(read("qwen2", on + R"(,"max_window_layers":1)").layer_kinds, (std::vector<LayerKind>{{0, false}, {16, false}}));
  EXPECT_EQ(read("qwen2", on + R"(,"layer_types":["sliding_attention","full_attention"])").layer_kinds,
            (std::vector<LayerKind>{{16, false}, {0, false}}));
  expect_refused("qwen2", on + R"(,"layer_types":["full_attention"])", Code::bad_file, {"layer_types", "each of 2 layers"});
  expect_refused("qwen2", on + R"(,"layer_types":["full_attention","linear_attention"])", Code::unsupported,
                 {"layer_types with 'linear_attention'"});
  expect_refused("llama", R"(,"layer_types":["full_attention","sliding_attention"])", Code::bad_file, {"sliding_window"});
}

TEST_F(HfFamilies, ReadPartialRotationInBothSpellings) {
  const std::string heads = R"(,"num_key_value_heads":1,"head_dim":32)";
  EXPECT_EQ(read("glm4_moe", heads + R"(,"partial_rotary_factor":0.25)").rope.dims, 8);
  EXPECT_EQ(read("glm4_moe", heads + R"(,"rope_parameters":{"rope_theta":5.0,"partial_rotary_factor":0.25})").rope.dims, 8);
  EXPECT_EQ(read("minimax_m2", heads + R"(,"rotary_dim":16)").rope.dims, 16);
  expect_refused("minimax_m2", heads + R"(,"rotary_dim":34)", Code::bad_file, {"RoPE over 34 of a head's 32"});
  expect_refused("glm4_moe", heads + R"(,"partial_rotary_factor":0.1)", Code::bad_file, {"RoPE over 3 of a head's 32"});
}

TEST_F(HfFamilies, ReadYarn) {
  const auto yarn = [&](const std::string& more) {
    return read("llama", R"(,"rope_scaling":{"rope_type":"yarn","original_max_position_embeddings":64)" + more + "}").rope;
  };
  EXPECT_EQ(yarn("").factor, 4.0) << "256 / 64 where no factor is given";
  EXPECT_DOUBLE_EQ(yarn(R"(,"factor":2.0)").attention_factor, 0.1 * std::log(2.0) + 1);
  EXPECT_EQ(yarn(R"(,"factor":2.0,"attention_factor":1.5)").attention_factor, 1.5);
  EXPECT_DOUBLE_EQ(yarn(R"(,"factor":2.0,"mscale":0.5,"mscale_all_dim":1.0)").attention_factor,
                   (0.05 * std::log(2.0) + 1) / (0.1 * std::log(2.0) + 1));
  EXPECT_DOUBLE_EQ(yarn(R"(,"factor":2.0,"mscale":1.0,"mscale_all_dim":0)").attention_factor, 0.1 * std::log(2.0) + 1);
  EXPECT_EQ(yarn(R"(,"factor":2.0,"beta_fast":16,"beta_slow":2)").beta_fast, 16.0);
  expect_refused("llama", R"(,"rope_scaling":{"rope_type":"yarn","factor":2,"beta_fast":1,"beta_slow":2})", Code::bad_file,
                 {"beta_slow 2 and beta_fast 1"});
}

TEST_F(HfFamilies, ReadLatentAttentionWithAndWithoutARankOfQueries) {
  const std::string latent = R"(,"kv_lora_rank":32,"qk_nope_head_dim":16,"qk_rope_head_dim":8,"v_head_dim":16,"n_routed_experts":16,)"
                             R"("moe_intermediate_size":32,"num_experts_per_tok":2)";
  const ModelConfig lite = read("deepseek_v2", latent + R"(,"q_lora_rank":null,"topk_method":"greedy","norm_topk_prob":false)");
  EXPECT_EQ(lite.latent.q_rank, 0);
  EXPECT_EQ(lite.head_dim, 40);
  EXPECT_EQ(lite.rope.dims, 8);
  EXPECT_FALSE(lite.moe.renormalise);
  EXPECT_EQ(lite.moe.router, RouterKind::softmax);
  const ModelConfig v3 = read("deepseek_v3", latent + R"(,"q_lora_rank":24,"n_group":4,"topk_group":2,"rope_interleave":false)");
  EXPECT_EQ(v3.rope.style, RopeStyle::halves);
  EXPECT_EQ(v3.moe.groups, 4);
  expect_refused("deepseek_v2", latent + R"(,"topk_method":"group_limited_greedy")", Code::unsupported, {"group_limited_greedy"});
  expect_refused("deepseek_v3", latent + R"(,"scoring_func":"softmax")", Code::unsupported, {"scoring_func 'softmax'"});
  expect_refused("deepseek_v3", latent + R"(,"attention_bias":true)", Code::unsupported, {"attention_bias true"});
  expect_refused("deepseek_v3", latent + R"(,"n_group":3,"topk_group":1)", Code::bad_file, {"16 experts in 3 groups"});
  expect_refused("deepseek_v3", latent + R"(,"n_group":8,"topk_group":9)", Code::bad_file, {"of 9 groups of 2"});
}

TEST_F(HfFamilies, RefuseVariantsByName) {
  const std::string heads = R"(,"num_key_value_heads":1)";
  expect_refused("minimax_m2", heads + R"(,"attn_type_list":[1,0])", Code::unsupported, {"attn_type_list with 0"});
  expect_refused("minimax_m2", heads + R"(,"use_qk_norm":false)", Code::unsupported, {"use_qk_norm false"});
  expect_refused("minimax_m2", heads + R"(,"qk_norm_type":"per_head")", Code::unsupported, {"qk_norm_type 'per_head'"});
  expect_refused("bert", R"(,"position_embedding_type":"relative_key")", Code::unsupported, {"'relative_key'"});
  expect_refused("bert", R"(,"is_decoder":true)", Code::unsupported, {"is_decoder true"});
  expect_refused("bert", R"(,"hidden_act":"gelu_new")", Code::unsupported, {"hidden_act 'gelu_new'", "gelu is"});
  expect_refused("mixtral", heads + R"(,"num_local_experts":2,"num_experts_per_tok":3)", Code::bad_file,
                 {"3 of 2 experts"});
  expect_refused("mixtral", heads + R"(,"num_local_experts":4096,"num_hidden_layers":2)", Code::bad_file,
                 {"'num_hidden_layers' for the second time"});
  expect_refused("roberta", R"(,"pad_token_id":300)", Code::bad_file, {"max_position_embeddings", "301"});
}

TEST_F(HfFamilies, EncodersKnowTheirHeads) {
  EXPECT_EQ(read("bert", R"(,"architectures":["BertForSequenceClassification"],"id2label":{"0":"a","1":"b","2":"c"})").encoder.labels, 3);
  EXPECT_EQ(read("xlm-roberta").encoder.head, EncoderHead::none);
  EXPECT_EQ(read("roberta", R"(,"architectures":["RobertaForSequenceClassification"])").encoder.labels, 2);
  EXPECT_EQ(read("xlm-roberta").context_length, 254);
}

}  // namespace
}  // namespace yoke::model
