#include "model/architectures.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "model/bad_file.h"

namespace yoke::model {
namespace {

constexpr auto kNever = Presence::never;
constexpr auto kByKey = Presence::by_key;
constexpr auto kAlways = Presence::always;

// Kinds and defaults: the configuration and modelling files of huggingface/transformers (version 5); rope in GGUF files:
// llama_model_rope_type of ggml-org/llama.cpp.
constexpr Architecture kArchitectures[] = {
    {.name = "llama", .model_types = {"llama"}, .classes = {"LlamaForCausalLM", "LlamaModel"}, .gguf = "llama",
     .norm = NormKind::rms, .block = BlockKind::pre_norm, .qk_norm = QkNorm::none, .qk_norm_presence = kNever,
     .mlp = MlpKind::swiglu, .router = RouterKind::softmax, .rope = RopeStyle::halves, .gguf_rope = RopeStyle::neighbours,
     .qkv_bias = kByKey, .o_bias = kByKey, .mlp_bias = kByKey, .windows = WindowRule::none},
    {.name = "mistral", .model_types = {"mistral"}, .classes = {"MistralForCausalLM", "MistralModel"},
     .norm = NormKind::rms, .block = BlockKind::pre_norm, .qk_norm = QkNorm::none, .qk_norm_presence = kNever,
     .mlp = MlpKind::swiglu, .router = RouterKind::softmax, .rope = RopeStyle::halves, .gguf_rope = RopeStyle::neighbours,
     .qkv_bias = kNever, .o_bias = kNever, .mlp_bias = kNever, .windows = WindowRule::every_layer,
     .defaults = {.kv_heads = 8, .window = 4096}},
    {.name = "mixtral", .model_types = {"mixtral"}, .classes = {"MixtralForCausalLM", "MixtralModel"},
     .norm = NormKind::rms, .block = BlockKind::pre_norm, .qk_norm = QkNorm::none, .qk_norm_presence = kNever,
     .mlp = MlpKind::swiglu, .router = RouterKind::softmax, .rope = RopeStyle::halves, .gguf_rope = RopeStyle::neighbours,
     .qkv_bias = kNever, .o_bias = kNever, .mlp_bias = kNever, .windows = WindowRule::every_layer,
     .defaults = {.epsilon = 1e-5, .theta = 1e6, .kv_heads = 8, .experts = 8, .top_k = 2}},
    {.name = "cohere", .model_types = {"cohere"}, .classes = {"CohereForCausalLM", "CohereModel"}, .gguf = "command-r",
     .norm = NormKind::layer, .block = BlockKind::parallel, .qk_norm = QkNorm::per_head_layer,
     .qk_norm_presence = kByKey, .mlp = MlpKind::swiglu, .router = RouterKind::softmax, .rope = RopeStyle::neighbours,
     .gguf_rope = RopeStyle::neighbours, .qkv_bias = kByKey, .o_bias = kByKey, .mlp_bias = kNever,
     .windows = WindowRule::none, .defaults = {.epsilon = 1e-5, .tied = true}},
    {.name = "qwen2", .model_types = {"qwen2", "qwen2_vl_text", "qwen2_5_vl_text"}, .classes = {"Qwen2ForCausalLM", "Qwen2Model"},
     .gguf = "qwen2", .norm = NormKind::rms, .block = BlockKind::pre_norm, .qk_norm = QkNorm::none,
     .qk_norm_presence = kNever, .mlp = MlpKind::swiglu, .router = RouterKind::softmax, .rope = RopeStyle::halves,
     .gguf_rope = RopeStyle::halves, .qkv_bias = kAlways, .o_bias = kNever, .mlp_bias = kNever,
     .windows = WindowRule::upper_layers, .defaults = {.kv_heads = 32, .window = 4096}},
    {.name = "qwen3", .model_types = {"qwen3", "qwen3_vl_text"}, .classes = {"Qwen3ForCausalLM", "Qwen3Model"}, .gguf = "qwen3",
     .norm = NormKind::rms, .block = BlockKind::pre_norm, .qk_norm = QkNorm::per_head, .qk_norm_presence = kAlways,
     .mlp = MlpKind::swiglu, .router = RouterKind::softmax, .rope = RopeStyle::halves, .gguf_rope = RopeStyle::halves,
     .qkv_bias = kByKey, .o_bias = kByKey, .mlp_bias = kNever, .windows = WindowRule::upper_layers,
     .defaults = {.kv_heads = 32, .head_dim = 128, .window = 4096}},
    {.name = "qwen3_moe", .model_types = {"qwen3_moe"}, .classes = {"Qwen3MoeForCausalLM", "Qwen3MoeModel"},
     .gguf = "qwen3moe", .norm = NormKind::rms, .block = BlockKind::pre_norm, .qk_norm = QkNorm::per_head,
     .qk_norm_presence = kAlways, .mlp = MlpKind::swiglu, .router = RouterKind::softmax, .rope = RopeStyle::halves,
     .gguf_rope = RopeStyle::halves, .qkv_bias = kByKey, .o_bias = kByKey, .mlp_bias = kNever,
     .windows = WindowRule::switched,
     .defaults = {.kv_heads = 4, .window = 4096, .experts = 128, .top_k = 8, .renormalise = false}},
    {.name = "gpt_oss", .model_types = {"gpt_oss"}, .classes = {"GptOssForCausalLM", "GptOssModel"}, .gguf = "gpt-oss",
     .norm = NormKind::rms, .block = BlockKind::pre_norm, .qk_norm = QkNorm::none, .qk_norm_presence = kNever,
     .mlp = MlpKind::swiglu_clamped, .router = RouterKind::softmax_top_k, .rope = RopeStyle::halves,
     .gguf_rope = RopeStyle::halves, .qkv_bias = kByKey, .o_bias = kByKey, .mlp_bias = kAlways, .router_bias = true,
     .sinks = true, .windows = WindowRule::alternating,
     .defaults = {.epsilon = 1e-5, .theta = 150000.0, .kv_heads = 8, .head_dim = 64, .window = 128, .qkv_bias = true,
                  .experts = 128, .top_k = 4}},
    {.name = "glm4_moe", .model_types = {"glm4_moe"}, .classes = {"Glm4MoeForCausalLM", "Glm4MoeModel"},
     .gguf = "glm4moe", .norm = NormKind::rms, .block = BlockKind::pre_norm, .qk_norm = QkNorm::per_head,
     .qk_norm_presence = kByKey, .mlp = MlpKind::swiglu, .router = RouterKind::sigmoid, .rope = RopeStyle::halves,
     .gguf_rope = RopeStyle::halves, .qkv_bias = kByKey, .o_bias = kNever, .mlp_bias = kNever, .correction = true,
     .windows = WindowRule::none, .mtp = true,
     .defaults = {.epsilon = 1e-5, .kv_heads = 8, .rotary_part = 0.5, .experts = 128, .top_k = 8}},
    {.name = "minimax_m2", .model_types = {"minimax_m2"}, .classes = {"MiniMaxM2ForCausalLM", "MiniMaxM2Model"},
     .gguf = "minimax-m2", .norm = NormKind::rms, .block = BlockKind::pre_norm, .qk_norm = QkNorm::all_heads,
     .qk_norm_presence = kAlways, .mlp = MlpKind::swiglu, .router = RouterKind::sigmoid, .rope = RopeStyle::halves,
     .gguf_rope = RopeStyle::halves, .qkv_bias = kNever, .o_bias = kNever, .mlp_bias = kNever, .correction = true,
     .windows = WindowRule::none, .mtp = true,
     .defaults = {.theta = 5e6, .kv_heads = 8, .head_dim = 128, .rotary_part = 1, .experts = 256, .top_k = 8}},
    {.name = "deepseek_v3", .model_types = {"deepseek_v3"}, .classes = {"DeepseekV3ForCausalLM", "DeepseekV3Model"},
     .norm = NormKind::rms, .block = BlockKind::pre_norm, .qk_norm = QkNorm::none, .qk_norm_presence = kNever,
     .mlp = MlpKind::swiglu, .router = RouterKind::sigmoid, .rope = RopeStyle::neighbours, .gguf_rope = RopeStyle::none,
     .qkv_bias = kNever, .o_bias = kNever, .mlp_bias = kNever, .correction = true, .latent = true,
     .windows = WindowRule::none, .mtp = true, .defaults = {.experts = 256, .top_k = 8}},
    {.name = "deepseek_v2", .model_types = {"deepseek_v2"}, .classes = {"DeepseekV2ForCausalLM", "DeepseekV2Model"},
     .norm = NormKind::rms, .block = BlockKind::pre_norm, .qk_norm = QkNorm::none, .qk_norm_presence = kNever,
     .mlp = MlpKind::swiglu, .router = RouterKind::softmax, .rope = RopeStyle::neighbours, .gguf_rope = RopeStyle::none,
     .qkv_bias = kNever, .o_bias = kNever, .mlp_bias = kNever, .latent = true, .windows = WindowRule::none,
     .defaults = {.experts = 64, .top_k = 6, .renormalise = false}},
    {.name = "bert", .model_types = {"bert"},
     .classes = {"BertModel", "BertForMaskedLM", "BertForPreTraining", "BertForSequenceClassification"},
     .norm = NormKind::layer, .block = BlockKind::post_norm, .qk_norm = QkNorm::none, .qk_norm_presence = kNever,
     .mlp = MlpKind::gelu, .router = RouterKind::softmax, .rope = RopeStyle::none, .gguf_rope = RopeStyle::none,
     .qkv_bias = kAlways, .o_bias = kAlways, .mlp_bias = kAlways, .encoder = true, .windows = WindowRule::none,
     .defaults = {.epsilon = 1e-12}},
    {.name = "xlm_roberta", .model_types = {"xlm-roberta", "roberta"},
     .classes = {"XLMRobertaModel", "XLMRobertaForMaskedLM", "XLMRobertaForSequenceClassification", "RobertaModel",
                 "RobertaForMaskedLM", "RobertaForSequenceClassification"},
     .norm = NormKind::layer, .block = BlockKind::post_norm, .qk_norm = QkNorm::none, .qk_norm_presence = kNever,
     .mlp = MlpKind::gelu, .router = RouterKind::softmax, .rope = RopeStyle::none, .gguf_rope = RopeStyle::none,
     .qkv_bias = kAlways, .o_bias = kAlways, .mlp_bias = kAlways, .encoder = true, .windows = WindowRule::none,
     .defaults = {.epsilon = 1e-12}},
};

[[noreturn]] void refuse_name(const std::filesystem::path& file, std::string_view what, std::string_view found,
                              const std::string& known) {
  throw Error{Code::unsupported, fmt::format("{}: {} {} is not offered by this build; {} are", file.string(), what,
                                             printable(found), known)};
}

}  // namespace

const Architecture* architecture_of_model_type(std::string_view model_type) {
  for (const Architecture& row : kArchitectures) {
    if (!model_type.empty() && std::ranges::find(row.model_types, model_type) != row.model_types.end()) return &row;
  }
  return nullptr;
}

const Architecture* architecture_of_gguf(std::string_view name) {
  for (const Architecture& row : kArchitectures) {
    if (!name.empty() && row.gguf == name) return &row;
  }
  return nullptr;
}

const Architecture& architecture_named(std::string_view name) {
  const auto row = std::ranges::find(kArchitectures, name, &Architecture::name);
  YOKE_ASSERT(row != std::end(kArchitectures));
  return *row;
}

void refuse_model_type(const std::filesystem::path& file, std::string_view found) {
  std::string known;
  for (const Architecture& row : kArchitectures) {
    for (const std::string_view type : row.model_types) {
      if (!type.empty()) known += fmt::format("{}{}", known.empty() ? "" : ", ", type);
    }
  }
  refuse_name(file, "model_type", found, known);
}

void refuse_gguf_architecture(const std::filesystem::path& file, std::string_view found) {
  std::string known;
  for (const Architecture& row : kArchitectures) {
    if (!row.gguf.empty()) known += fmt::format("{}{}", known.empty() ? "" : ", ", row.gguf);
  }
  refuse_name(file, "architecture", found, known);
}

void apply(const Architecture& row, ModelConfig& config) {
  config.architecture = row.name;
  config.norm = row.norm;
  config.block = row.block;
  config.qk_norm = row.qk_norm;
  config.mlp = row.mlp;
  config.sinks = row.sinks;
  config.biases.norms = row.encoder;
  config.biases.router = row.router_bias;
  config.biases.correction = row.correction;
  config.encoder.is = row.encoder;
}

}  // namespace yoke::model
