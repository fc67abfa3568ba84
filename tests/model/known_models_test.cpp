// The facts in model/known: parameter counts as published, and the same configurations as the models' own config.json says.
#include "model/known/models.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/error.h"
#include "model/catalogue.h"
#include "model/hf_config.h"
#include "tests/model/made_files.h"

namespace yoke::model {
namespace {

constexpr WeightFormat kNvfp4 = {.codes = Dtype::e2m1, .scales = Scales::per_group, .scale_dtype = Dtype::f8_e4m3,
                                 .group = 16, .global = true};
constexpr WeightFormat kMxfp4 = {.codes = Dtype::e2m1, .scales = Scales::per_group, .scale_dtype = Dtype::f8_e8m0, .group = 32};

TEST(KnownModels, HaveTheParametersThatWerePublished) {
  for (const known::KnownModel& model : known::models()) {
    const Catalogue catalogue(known::config_of(model.name), plain_format(Dtype::bf16));
    EXPECT_LE(2 * std::abs(catalogue.parameters() - model.parameters), model.rounding)
        << model.name << " has " << catalogue.parameters() << ", published are " << model.parameters;
    EXPECT_EQ(catalogue.checkpoint().file_bytes[0] % 2, 0u);
  }
}

TEST(KnownModels, TakeTheBytesOfTheirFormat) {
  const Catalogue llama(known::config_of("llama-3.1-405b"), kNvfp4);
  const Weight& down = llama.at(Role::down, 125);
  EXPECT_EQ(down.format, kNvfp4);
  EXPECT_EQ(down.codes->bytes, 16384u * 53248 / 2);
  EXPECT_EQ(down.scales->bytes, 16384u * 53248 / 16);
  EXPECT_EQ(llama.head().format, plain_format(Dtype::bf16));
  // One layer of 405B at 4 bits: about 1.8 GB.
  uint64_t layer = 0;
  for (const auto& [key, weight] : llama.weights()) {
    if (weight.layer == 0) layer += weight.codes->bytes + (weight.scales ? weight.scales->bytes : 0);
  }
  EXPECT_EQ(layer, 3'187'671'040u / 16 * 9 + 2 * 2 * 16384);
}

TEST(KnownModels, KeepWhatTheirPublishersKept) {
  const Catalogue gpt(known::config_of("gpt-oss-120b"), kMxfp4);
  EXPECT_EQ(gpt.at(Role::expert_down, 35, 127).format, kMxfp4);
  EXPECT_EQ(gpt.at(Role::q, 0).format, plain_format(Dtype::bf16));
  // 2880 inputs fill no blocks of 256.
  const Catalogue blocks(known::config_of("gpt-oss-20b"), plain_format(Dtype::q4_k));
  EXPECT_EQ(blocks.at(Role::expert_up, 0, 0).format, plain_format(Dtype::bf16));
  EXPECT_EQ(blocks.at(Role::o, 0).format, plain_format(Dtype::q4_k)) << "64 heads of 64 do";
}

TEST(KnownModels, RefuseOtherNamesWithTheirOwn) {
  expect_error(Code::not_found, {"'llama-4'", "llama-3.1-405b", "deepseek-v3"}, [] { known::config_of("llama-4"); });
}

struct Published {
  const char* name;
  const char* config;
};

// What config.json of the repositories says, without the keys that change nothing.
constexpr Published kPublished[] = {
    {"llama-3.1-405b", R"({"architectures":["LlamaForCausalLM"],"attention_bias":false,"hidden_act":"silu","hidden_size":16384,
"intermediate_size":53248,"max_position_embeddings":131072,"mlp_bias":false,"model_type":"llama","num_attention_heads":128,
"num_hidden_layers":126,"num_key_value_heads":8,"pretraining_tp":1,"rms_norm_eps":1e-05,"rope_scaling":{"factor":8.0,
"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192,"rope_type":"llama3"},
"rope_theta":500000.0,"tie_word_embeddings":false,"vocab_size":128256})"},
    {"mixtral-8x22b", R"({"architectures":["MixtralForCausalLM"],"hidden_act":"silu","hidden_size":6144,"intermediate_size":16384,
"max_position_embeddings":65536,"model_type":"mixtral","num_attention_heads":48,"num_experts_per_tok":2,"num_hidden_layers":56,
"num_key_value_heads":8,"num_local_experts":8,"rms_norm_eps":1e-05,"rope_theta":1000000,"sliding_window":null,
"tie_word_embeddings":false,"vocab_size":32000})"},
    {"mistral-large-2", R"({"architectures":["MistralForCausalLM"],"head_dim":128,"hidden_act":"silu","hidden_size":12288,
"intermediate_size":28672,"max_position_embeddings":131072,"model_type":"mistral","num_attention_heads":96,
"num_hidden_layers":88,"num_key_value_heads":8,"rms_norm_eps":1e-05,"rope_theta":1000000.0,"sliding_window":null,
"tie_word_embeddings":false,"vocab_size":32768})"},
    {"command-r-plus", R"({"architectures":["CohereForCausalLM"],"attention_bias":false,"hidden_act":"silu","hidden_size":12288,
"intermediate_size":33792,"layer_norm_eps":1e-05,"logit_scale":0.8333333,"max_position_embeddings":131072,
"model_max_length":131072,"model_type":"cohere","num_attention_heads":96,"num_hidden_layers":64,"num_key_value_heads":8,
"rope_theta":75000000.0,"use_qk_norm":true,"vocab_size":256000})"},
    {"qwen2.5-72b", R"({"architectures":["Qwen2ForCausalLM"],"hidden_act":"silu","hidden_size":8192,"intermediate_size":29568,
"max_position_embeddings":32768,"max_window_layers":70,"model_type":"qwen2","num_attention_heads":64,"num_hidden_layers":80,
"num_key_value_heads":8,"rms_norm_eps":1e-06,"rope_theta":1000000.0,"sliding_window":131072,"tie_word_embeddings":false,
"use_sliding_window":false,"vocab_size":152064})"},
    {"qwen3-8b", R"({"architectures":["Qwen3ForCausalLM"],"attention_bias":false,"head_dim":128,"hidden_act":"silu",
"hidden_size":4096,"intermediate_size":12288,"max_position_embeddings":40960,"max_window_layers":36,"model_type":"qwen3",
"num_attention_heads":32,"num_hidden_layers":36,"num_key_value_heads":8,"rms_norm_eps":1e-06,"rope_scaling":null,
"rope_theta":1000000,"sliding_window":null,"tie_word_embeddings":false,"use_sliding_window":false,"vocab_size":151936})"},
    {"qwen3-235b-a22b", R"({"architectures":["Qwen3MoeForCausalLM"],"attention_bias":false,"decoder_sparse_step":1,"head_dim":128,
"hidden_act":"silu","hidden_size":4096,"intermediate_size":12288,"max_position_embeddings":40960,"max_window_layers":94,
"mlp_only_layers":[],"model_type":"qwen3_moe","moe_intermediate_size":1536,"norm_topk_prob":true,"num_attention_heads":64,
"num_experts":128,"num_experts_per_tok":8,"num_hidden_layers":94,"num_key_value_heads":4,"rms_norm_eps":1e-06,
"rope_scaling":null,"rope_theta":1000000.0,"sliding_window":null,"tie_word_embeddings":false,"use_sliding_window":false,
"vocab_size":151936})"},
    {"gpt-oss-20b", R"({"architectures":["GptOssForCausalLM"],"attention_bias":true,"experts_per_token":4,"head_dim":64,
"hidden_act":"silu","hidden_size":2880,"initial_context_length":4096,"intermediate_size":2880,
"layer_types":["sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention",
"sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention",
"sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention",
"sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention"],
"max_position_embeddings":131072,"model_type":"gpt_oss","num_attention_heads":64,"num_experts_per_tok":4,
"num_hidden_layers":24,"num_key_value_heads":8,"num_local_experts":32,"quantization_config":{"modules_to_not_convert":
["model.layers.*.self_attn","model.layers.*.mlp.router","model.embed_tokens","lm_head"],"quant_method":"mxfp4"},
"rms_norm_eps":1e-05,"rope_scaling":{"beta_fast":32.0,"beta_slow":1.0,"factor":32.0,"original_max_position_embeddings":4096,
"rope_type":"yarn","truncate":false},"rope_theta":150000,"sliding_window":128,"swiglu_limit":7.0,"tie_word_embeddings":false,
"vocab_size":201088})"},
    {"glm-4.6", R"({"architectures":["Glm4MoeForCausalLM"],"attention_bias":true,"first_k_dense_replace":3,"head_dim":128,
"hidden_act":"silu","hidden_size":5120,"intermediate_size":12288,"max_position_embeddings":202752,"model_type":"glm4_moe",
"moe_intermediate_size":1536,"n_group":1,"n_routed_experts":160,"n_shared_experts":1,"norm_topk_prob":true,
"num_attention_heads":96,"num_experts_per_tok":8,"num_hidden_layers":92,"num_key_value_heads":8,"num_nextn_predict_layers":1,
"partial_rotary_factor":0.5,"rms_norm_eps":1e-05,"rope_scaling":null,"rope_theta":1000000,"routed_scaling_factor":2.5,
"tie_word_embeddings":false,"topk_group":1,"use_qk_norm":true,"vocab_size":151552})"},
    {"minimax-m2", R"({"architectures":["MiniMaxM2ForCausalLM"],"attn_type_list":[1,1,1],"head_dim":128,"hidden_act":"silu",
"hidden_size":3072,"intermediate_size":1536,"max_position_embeddings":196608,"model_type":"minimax_m2","num_attention_heads":48,
"num_experts_per_tok":8,"num_hidden_layers":62,"num_key_value_heads":8,"num_local_experts":256,"qk_norm_type":"per_layer",
"quantization_config":{"activation_scheme":"dynamic","fmt":"float8_e4m3fn","quant_method":"fp8","weight_block_size":[128,128],
"modules_to_not_convert":["gate","e_score_correction_bias","lm_head"]},"rms_norm_eps":1e-06,"rope_theta":5000000,
"rotary_dim":64,"scoring_func":"sigmoid","shared_intermediate_size":0,"tie_word_embeddings":false,"use_qk_norm":true,
"use_routing_bias":true,"vocab_size":200064})"},
    {"deepseek-v3", R"({"architectures":["DeepseekV3ForCausalLM"],"attention_bias":false,"first_k_dense_replace":3,"ep_size":1,
"hidden_act":"silu","hidden_size":7168,"intermediate_size":18432,"kv_lora_rank":512,"max_position_embeddings":163840,
"model_type":"deepseek_v3","moe_intermediate_size":2048,"moe_layer_freq":1,"n_group":8,"n_routed_experts":256,
"n_shared_experts":1,"norm_topk_prob":true,"num_attention_heads":128,"num_experts_per_tok":8,"num_hidden_layers":61,
"num_key_value_heads":128,"num_nextn_predict_layers":1,"q_lora_rank":1536,"qk_nope_head_dim":128,"qk_rope_head_dim":64,
"quantization_config":{"activation_scheme":"dynamic","fmt":"e4m3","quant_method":"fp8","weight_block_size":[128,128]},
"rms_norm_eps":1e-06,"rope_scaling":{"beta_fast":32,"beta_slow":1,"factor":40,"mscale":1.0,"mscale_all_dim":1.0,
"original_max_position_embeddings":4096,"type":"yarn"},"rope_theta":10000,"routed_scaling_factor":2.5,"scoring_func":"sigmoid",
"tie_word_embeddings":false,"topk_group":4,"topk_method":"noaux_tc","v_head_dim":128,"vocab_size":129280})"},
};

TEST(KnownModels, AreWhatTheReaderMakesOfTheirConfigurations) {
  const MadeFolder folder;
  for (const Published& published : kPublished) {
    Checkpoint checkpoint;
    read_hf_config(folder.write("config.json", published.config), checkpoint);
    ModelConfig expected = known::config_of(published.name);
    expected.name.clear();
    expected.unserved_layers = checkpoint.config.unserved_layers;  // of the file, not of the model
    EXPECT_EQ(checkpoint.config.rope, expected.rope) << published.name;
    EXPECT_EQ(checkpoint.config.moe, expected.moe) << published.name;
    EXPECT_EQ(checkpoint.config.layer_kinds, expected.layer_kinds) << published.name;
    EXPECT_EQ(checkpoint.config.attention_scale, expected.attention_scale) << published.name;
    EXPECT_TRUE(checkpoint.config == expected) << published.name;
  }
}

}  // namespace
}  // namespace yoke::model
