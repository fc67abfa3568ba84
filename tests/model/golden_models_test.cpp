// Every golden checkpoint, read: what its configuration means and in which format its weights lie.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <numbers>

#include "model/catalogue.h"

namespace yoke::model {
namespace {

namespace fs = std::filesystem;

const fs::path kGoldens = fs::path(YOKE_SOURCE_DIR) / "tests" / "golden";

ModelConfig config_of(const char* name) {
  return open_checkpoint(kGoldens / "models" / name).config;
}

std::vector<int64_t> windows_of(const ModelConfig& config) {
  std::vector<int64_t> windows;
  for (const LayerKind& kind : config.layer_kinds) windows.push_back(kind.window);
  return windows;
}

std::vector<bool> mixtures_of(const ModelConfig& config) {
  std::vector<bool> mixtures;
  for (const LayerKind& kind : config.layer_kinds) mixtures.push_back(kind.moe);
  return mixtures;
}

TEST(GoldenModels, HaveTheParametersThatTheIndexCounts) {
  const std::map<std::string, int64_t> counts = {
      {"llama", 707904},   {"llama_untied", 582496}, {"mistral", 738432},    {"mixtral", 598080},
      {"cohere", 708192},  {"qwen2", 345696},        {"qwen3", 578656},      {"qwen3_moe", 562240},
      {"gpt_oss", 686817}, {"glm4_moe", 700512},     {"minimax_m2", 654816}, {"deepseek_v3", 661408},
      {"bert", 276960},    {"xlm_roberta", 271009}};
  for (const auto& [name, parameters] : counts) {
    const Checkpoint checkpoint = open_checkpoint(kGoldens / "models" / name);
    const Catalogue catalogue(checkpoint);
    EXPECT_EQ(catalogue.parameters(), parameters) << name;
    EXPECT_TRUE(catalogue.skipped().empty()) << name;
  }
}

TEST(GoldenModels, MistralSeesAWindowInEveryLayer) {
  const ModelConfig c = config_of("mistral");
  EXPECT_EQ(c.architecture, "mistral");
  EXPECT_EQ(windows_of(c), (std::vector<int64_t>{16, 16, 16, 16}));
  EXPECT_EQ(c.head_dim, 32);
  EXPECT_EQ(c.kv_heads, 2);
  EXPECT_FLOAT_EQ(c.attention_scale, 1 / std::sqrt(32.0f));
}

TEST(GoldenModels, Qwen2SeesAWindowInItsUpperLayersAndHasThreeBiases) {
  const Checkpoint checkpoint = open_checkpoint(kGoldens / "models" / "qwen2");
  EXPECT_EQ(windows_of(checkpoint.config), (std::vector<int64_t>{0, 0, 16, 16}));
  EXPECT_TRUE(checkpoint.config.tied);
  const Catalogue catalogue(checkpoint);
  EXPECT_NE(catalogue.find(Role::v_bias, 3), nullptr);
  EXPECT_EQ(catalogue.find(Role::o_bias, 3), nullptr);
}

TEST(GoldenModels, Qwen3HasANormForHeadsAndYarn) {
  const ModelConfig c = config_of("qwen3");
  EXPECT_EQ(c.qk_norm, QkNorm::per_head);
  EXPECT_EQ(c.rope.scaling, RopeScaling::yarn);
  EXPECT_EQ(c.rope.factor, 4.0);
  EXPECT_EQ(c.rope.original_context, 256);
  EXPECT_DOUBLE_EQ(c.rope.attention_factor, 0.1 * std::log(4.0) + 1);
  EXPECT_TRUE(c.rope.truncate);
  EXPECT_EQ(windows_of(c), (std::vector<int64_t>(4, 0)));
}

TEST(GoldenModels, MixturesHaveTheirExperts) {
  const ModelConfig mixtral = config_of("mixtral");
  EXPECT_EQ(mixtral.moe, (Moe{.experts = 5, .top_k = 2, .intermediate = 96}));
  const ModelConfig qwen = config_of("qwen3_moe");
  EXPECT_EQ(qwen.moe, (Moe{.experts = 7, .top_k = 3, .intermediate = 32}));
  EXPECT_EQ(mixtures_of(qwen), (std::vector<bool>{true, false, true, true}));
  const ModelConfig glm = config_of("glm4_moe");
  EXPECT_EQ(glm.moe, (Moe{.experts = 6,
                          .top_k = 2,
                          .intermediate = 96,
                          .shared_intermediate = 96,
                          .router = RouterKind::sigmoid,
                          .scaling = 2.5}));
  EXPECT_EQ(mixtures_of(glm), (std::vector<bool>{false, true, true}));
  EXPECT_EQ(glm.rope.dims, 16);
  EXPECT_EQ(glm.rope.style, RopeStyle::halves);
  EXPECT_EQ(glm.qk_norm, QkNorm::per_head);
  const ModelConfig minimax = config_of("minimax_m2");
  EXPECT_EQ(minimax.moe, (Moe{.experts = 7, .top_k = 2, .intermediate = 64, .router = RouterKind::sigmoid}));
  EXPECT_EQ(minimax.rope.dims, 16);
  EXPECT_EQ(minimax.qk_norm, QkNorm::all_heads);
}

TEST(GoldenModels, GptOssHasSinksAndItsExpertsLieTransposedAndInterleaved) {
  const Checkpoint checkpoint = open_checkpoint(kGoldens / "models" / "gpt_oss");
  const ModelConfig& c = checkpoint.config;
  EXPECT_EQ(windows_of(c), (std::vector<int64_t>{16, 0, 16}));
  EXPECT_EQ(c.mlp, MlpKind::swiglu_clamped);
  EXPECT_EQ(c.moe.router, RouterKind::softmax_top_k);
  EXPECT_FALSE(c.rope.truncate);
  const Catalogue catalogue(checkpoint);
  EXPECT_EQ(catalogue.at(Role::sinks, 2).cols, 6);
  const Weight& up = catalogue.at(Role::expert_up, 1, 4);
  EXPECT_EQ(up.codes->name, "model.layers.1.mlp.experts.gate_up_proj");
  EXPECT_EQ(up.layout, CodeLayout::columns);
  EXPECT_EQ(up.plane, 4);
  EXPECT_EQ(up.first_row, 1);
  EXPECT_EQ(up.row_step, 2);
  EXPECT_EQ(up.rows, 96);
  EXPECT_EQ(catalogue.at(Role::expert_gate, 1, 4).first_row, 0);
  const Weight& down = catalogue.at(Role::expert_down, 1, 4);
  EXPECT_EQ(down.layout, CodeLayout::columns);
  EXPECT_EQ(down.row_step, 1);
  const Weight& bias = catalogue.at(Role::expert_up_bias, 0, 2);
  EXPECT_EQ(bias.plane, 2);
  EXPECT_EQ(bias.first_row, 1);
  EXPECT_EQ(bias.cols, 96);
}

TEST(GoldenModels, CohereIsParallelWithANormForEachHead) {
  const Checkpoint checkpoint = open_checkpoint(kGoldens / "models" / "cohere");
  const ModelConfig& c = checkpoint.config;
  EXPECT_EQ(c.block, BlockKind::parallel);
  EXPECT_EQ(c.norm, NormKind::layer);
  EXPECT_EQ(c.rope.style, RopeStyle::neighbours);
  EXPECT_EQ(c.logit_scale, 0.8333333f);
  const Catalogue catalogue(checkpoint);
  EXPECT_EQ(catalogue.at(Role::q_norm, 0).cols, 192) << "6 heads of 32";
  EXPECT_EQ(catalogue.find(Role::mlp_norm, 0), nullptr);
}

TEST(GoldenModels, DeepSeekKeepsALatent) {
  const Checkpoint checkpoint = open_checkpoint(kGoldens / "models" / "deepseek_v3");
  const ModelConfig& c = checkpoint.config;
  EXPECT_EQ(c.latent, (Latent{.q_rank = 64, .kv_rank = 32, .nope_dim = 32, .rope_dim = 16, .value_dim = 48}));
  EXPECT_EQ(c.kv_heads, 1);
  EXPECT_EQ(c.head_dim, 48);
  EXPECT_EQ(c.value_dim, 32);
  EXPECT_EQ(c.moe, (Moe{.experts = 9,
                        .top_k = 2,
                        .intermediate = 32,
                        .shared_intermediate = 32,
                        .router = RouterKind::sigmoid,
                        .scaling = 2.5,
                        .groups = 3,
                        .top_groups = 2}));
  EXPECT_EQ(c.rope.style, RopeStyle::neighbours);
  EXPECT_EQ(c.rope.attention_factor, 1.0) << "mscale and mscale_all_dim are equal";
  const double mscale = 0.1 * std::log(8.0) + 1;
  EXPECT_FLOAT_EQ(c.attention_scale, static_cast<float>(mscale * mscale / std::sqrt(48.0)));
  const Catalogue catalogue(checkpoint);
  EXPECT_EQ(catalogue.at(Role::q_b, 0).rows, 5 * 48);
  EXPECT_EQ(catalogue.at(Role::kv_b, 0).rows, 5 * 80);
  EXPECT_EQ(catalogue.at(Role::o, 0).cols, 5 * 48);
  EXPECT_EQ(catalogue.at(Role::router_correction, 1).codes->dtype, Dtype::f32);
  EXPECT_EQ(catalogue.find(Role::q, 0), nullptr);
}

TEST(GoldenModels, EncodersKnowTheirPositionsAndHeads) {
  const ModelConfig bert = config_of("bert");
  EXPECT_TRUE(bert.encoder.is);
  EXPECT_EQ(bert.block, BlockKind::post_norm);
  EXPECT_EQ(bert.mlp, MlpKind::gelu);
  EXPECT_EQ(bert.norm_epsilon, 1e-12f);
  EXPECT_EQ(bert.encoder.head, EncoderHead::pooler);
  EXPECT_EQ(bert.encoder.position_offset, 0);
  EXPECT_EQ(bert.context_length, 128);
  EXPECT_EQ(bert.output_width(), 192);
  const ModelConfig roberta = config_of("xlm_roberta");
  EXPECT_EQ(roberta.encoder, (Encoder{.is = true,
                                      .position_offset = 2,
                                      .positions = 66,
                                      .token_types = 1,
                                      .head = EncoderHead::classifier,
                                      .labels = 1}));
  EXPECT_EQ(roberta.context_length, 64);
  const Checkpoint checkpoint = open_checkpoint(kGoldens / "models" / "xlm_roberta");
  const Catalogue catalogue(checkpoint);
  EXPECT_EQ(catalogue.at(Role::pooler).codes->name, "classifier.dense.weight");
  EXPECT_EQ(catalogue.at(Role::mlp_norm_bias, 2).codes->name, "roberta.encoder.layer.2.output.LayerNorm.bias");
}

constexpr WeightFormat int4(Dtype scale, int32_t group, bool zeros, int8_t bias = 0, bool listed = false) {
  return {.codes = Dtype::int4,
          .scales = Scales::per_group,
          .scale_dtype = scale,
          .group = group,
          .zero_points = zeros,
          .zero_bias = bias,
          .listed_groups = listed};
}
constexpr WeightFormat kNvfp4 = {
    .codes = Dtype::e2m1, .scales = Scales::per_group, .scale_dtype = Dtype::f8_e4m3, .group = 16, .global = true};
constexpr WeightFormat kFp8Rows = {.codes = Dtype::f8_e4m3, .scales = Scales::per_row};
constexpr WeightFormat kFp8Squares = {.codes = Dtype::f8_e4m3, .scales = Scales::per_block, .group = 128};

struct Quantised {
  const char* folder;
  WeightFormat format;
  CodeLayout layout = CodeLayout::rows;
  bool divides = false;
};

constexpr Quantised kQuantised[] = {
    {"llama_awq", int4(Dtype::f16, 64, true), CodeLayout::awq},
    {"mixtral_awq", int4(Dtype::f16, 32, true), CodeLayout::awq},
    {"llama_ct_fp8_channel", kFp8Rows},
    {"mixtral_ct_fp8_channel", kFp8Rows},
    {"llama_ct_int4", int4(Dtype::bf16, 32, false)},
    {"mixtral_ct_int4", int4(Dtype::bf16, 64, false)},
    {"llama_ct_int4_asymmetric", int4(Dtype::bf16, 64, true)},
    {"llama_ct_nvfp4", kNvfp4, CodeLayout::rows, true},
    {"mixtral_ct_nvfp4", kNvfp4, CodeLayout::rows, true},
    {"llama_fp8_block", kFp8Squares},
    {"mixtral_fp8_block", kFp8Squares},
    {"llama_gptq", int4(Dtype::f16, 32, true, 1), CodeLayout::gptq},
    {"llama_gptq_desc_act", int4(Dtype::f16, 32, true, 1, true), CodeLayout::gptq},
    {"mixtral_gptq_desc_act", int4(Dtype::f16, 32, true, 1, true), CodeLayout::gptq},
    {"llama_modelopt_nvfp4", kNvfp4},
    {"mixtral_modelopt_nvfp4", kNvfp4},
};

TEST(GoldenQuantised, EveryLayoutIsReadAsWhatItIs) {
  for (const Quantised& q : kQuantised) {
    const Checkpoint checkpoint = open_checkpoint(kGoldens / "quantised" / q.folder);
    const Catalogue catalogue(checkpoint);
    const bool mixture = checkpoint.config.moe.experts > 0;
    const int last = static_cast<int>(checkpoint.config.layers) - 1;
    for (const Role role :
         {Role::q, Role::o, mixture ? Role::expert_gate : Role::gate, mixture ? Role::expert_down : Role::down}) {
      const Weight& weight = catalogue.at(role, last, is_expert(role) ? 5 : 0);
      EXPECT_EQ(weight.format, q.format) << q.folder << ": " << name(weight.format) << " for " << name(role);
      EXPECT_EQ(weight.layout, q.layout) << q.folder;
      EXPECT_EQ(weight.global_divides, q.divides) << q.folder;
      EXPECT_EQ(weight.zeros != nullptr, q.format.zero_points) << q.folder;
      EXPECT_EQ(weight.groups != nullptr, q.format.listed_groups) << q.folder;
      EXPECT_EQ(weight.global != nullptr, q.format.global) << q.folder;
    }
    EXPECT_TRUE(is_float(catalogue.head().format.codes)) << q.folder;
    if (mixture) EXPECT_TRUE(is_float(catalogue.at(Role::router, 0).format.codes)) << q.folder;
    EXPECT_TRUE(catalogue.skipped().empty()) << q.folder;
  }
}

TEST(GoldenQuantised, GptOssBlocksAreInterleavedRows) {
  const Checkpoint checkpoint = open_checkpoint(kGoldens / "quantised" / "gpt_oss_mxfp4");
  const Catalogue catalogue(checkpoint);
  const Weight& up = catalogue.at(Role::expert_up, 3, 5);
  EXPECT_EQ(name(up.format), "MXFP4");
  EXPECT_EQ(up.layout, CodeLayout::rows);
  EXPECT_EQ(up.codes->shape, (std::vector<int64_t>{6, 192, 4, 16}));
  EXPECT_EQ(up.scales->shape, (std::vector<int64_t>{6, 192, 4}));
  EXPECT_EQ(up.plane, 5);
  EXPECT_EQ(up.first_row, 1);
  EXPECT_EQ(up.row_step, 2);
  EXPECT_EQ(up.rows, 96);
  EXPECT_EQ(up.cols, 128);
  EXPECT_EQ(catalogue.at(Role::q, 0).format, plain_format(Dtype::bf16));
}

TEST(GoldenGguf, EveryFileOpensWithItsTypes) {
  const char* shared = std::getenv("YOKE_SHARED");
  if (shared == nullptr)
    GTEST_SKIP() << "the golden GGUF files lie outside the checkout: set YOKE_SHARED to the folder that has "
                    "reference/golden/gguf";
  const fs::path folder = fs::path(shared) / "reference" / "golden" / "gguf";
  const Checkpoint llama = open_checkpoint(folder / "llama");
  const Catalogue types(llama);
  EXPECT_EQ(types.at(Role::gate, 1).format, plain_format(Dtype::q3_k));
  EXPECT_EQ(types.at(Role::q, 2).format, plain_format(Dtype::iq4_xs));
  EXPECT_EQ(types.at(Role::gate, 2).format, plain_format(Dtype::mxfp4));
  EXPECT_EQ(types.at(Role::rope_freqs).cols, 16);
  const Checkpoint mixtral = open_checkpoint(folder / "mixtral");
  EXPECT_EQ(mixtral.config.architecture, "mixtral");
  EXPECT_EQ(mixtral.config.rope.style, RopeStyle::neighbours);
  EXPECT_EQ(mixtral.config.moe, (Moe{.experts = 4, .top_k = 2, .intermediate = 256}));
  const Catalogue experts(mixtral);
  EXPECT_EQ(experts.at(Role::expert_down, 1, 3).plane, 3);
  EXPECT_EQ(experts.at(Role::expert_down, 1, 3).format, plain_format(Dtype::q8_0));
  const Checkpoint qwen2 = open_checkpoint(folder / "qwen2");
  EXPECT_EQ(qwen2.config.rope.style, RopeStyle::halves);
  EXPECT_NE(Catalogue(qwen2).find(Role::k_bias, 1), nullptr);
  const Checkpoint qwen3 = open_checkpoint(folder / "qwen3");
  EXPECT_TRUE(qwen3.config.tied);
  EXPECT_EQ(Catalogue(qwen3).at(Role::q_norm, 1).cols, 64);
}

}  // namespace
}  // namespace yoke::model
