#include "model/known/models.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <vector>

#include "core/error.h"
#include "model/architectures.h"
#include "model/bad_file.h"
#include "model/config_limits.h"
#include "model/hf_rope.h"

namespace yoke::model::known {
namespace {

constexpr int64_t kBillion = 1'000'000'000;

// Each number is a field of the model's config.json on huggingface.co. Parameters: exact ones are the sum over the tensors of the
// checkpoint, as the hub shows it; others are as the model's card rounds them.
constexpr KnownModel kModels[] = {
    {"llama-3.1-8b", "meta-llama/Llama-3.1-8B", 8'030'261'248},
    {"llama-3.1-70b", "meta-llama/Llama-3.1-70B", 70'553'706'496},
    {"llama-3.1-405b", "meta-llama/Llama-3.1-405B", 405'853'388'800},
    {"mixtral-8x7b", "mistralai/Mixtral-8x7B-v0.1", 46'702'792'704},
    {"mixtral-8x22b", "mistralai/Mixtral-8x22B-v0.1", 140'620'634'112},
    {"mistral-large-2", "mistralai/Mistral-Large-Instruct-2407", 122'610'069'504},
    {"command-r-plus", "CohereForAI/c4ai-command-r-plus", 103'810'674'688},
    {"qwen2.5-72b", "Qwen/Qwen2.5-72B-Instruct", 72'706'203'648},
    {"qwen3-8b", "Qwen/Qwen3-8B", 8'190'735'360},
    {"qwen3-32b", "Qwen/Qwen3-32B", 32'762'123'264},
    {"qwen3-30b-a3b", "Qwen/Qwen3-30B-A3B", 30'532'122'624},
    {"qwen3-235b-a22b", "Qwen/Qwen3-235B-A22B", 235'093'634'560},
    {"gpt-oss-20b", "openai/gpt-oss-20b; the card of gpt-oss (arXiv 2508.10925), table 1", 20'910'000'000, kBillion / 100},
    {"gpt-oss-120b", "openai/gpt-oss-120b; the card of gpt-oss (arXiv 2508.10925), table 1", 116'830'000'000, kBillion / 100},
    {"glm-4.6", "zai-org/GLM-4.6; 355B without the layer of multi-token prediction", 355 * kBillion, 5 * kBillion},
    {"minimax-m2", "MiniMaxAI/MiniMax-M2; the card's 230B", 230 * kBillion, 10 * kBillion},
    {"deepseek-v3", "deepseek-ai/DeepSeek-V3; the card's 671B, without the layer of multi-token prediction", 671 * kBillion, kBillion},
};

// The numbers in the order of KnownModel's rows.
struct Numbers {
  std::string_view architecture;
  int64_t hidden, intermediate, layers, heads, kv_heads, head_dim, vocab, context;
  double theta;
  float epsilon;
  struct {
    int64_t experts = 0, top_k = 0, intermediate = 0, dense_layers = 0, shared = 0;
    double scaling = 1.0;
    int64_t groups = 1, top_groups = 1;
  } moe;
};

constexpr Numbers kNumbers[] = {
    {"llama", 4096, 14336, 32, 32, 8, 128, 128256, 131072, 500000, 1e-5f, {}},
    {"llama", 8192, 28672, 80, 64, 8, 128, 128256, 131072, 500000, 1e-5f, {}},
    {"llama", 16384, 53248, 126, 128, 8, 128, 128256, 131072, 500000, 1e-5f, {}},
    {"mixtral", 4096, 14336, 32, 32, 8, 128, 32000, 32768, 1e6, 1e-5f, {8, 2, 14336}},
    {"mixtral", 6144, 16384, 56, 48, 8, 128, 32000, 65536, 1e6, 1e-5f, {8, 2, 16384}},
    {"mistral", 12288, 28672, 88, 96, 8, 128, 32768, 131072, 1e6, 1e-5f, {}},
    {"cohere", 12288, 33792, 64, 96, 8, 128, 256000, 131072, 75e6, 1e-5f, {}},
    {"qwen2", 8192, 29568, 80, 64, 8, 128, 152064, 32768, 1e6, 1e-6f, {}},
    {"qwen3", 4096, 12288, 36, 32, 8, 128, 151936, 40960, 1e6, 1e-6f, {}},
    {"qwen3", 5120, 25600, 64, 64, 8, 128, 151936, 40960, 1e6, 1e-6f, {}},
    {"qwen3_moe", 2048, 6144, 48, 32, 4, 128, 151936, 40960, 1e6, 1e-6f, {128, 8, 768}},
    {"qwen3_moe", 4096, 12288, 94, 64, 4, 128, 151936, 40960, 1e6, 1e-6f, {128, 8, 1536}},
    {"gpt_oss", 2880, 2880, 24, 64, 8, 64, 201088, 131072, 150000, 1e-5f, {32, 4, 2880}},
    {"gpt_oss", 2880, 2880, 36, 64, 8, 64, 201088, 131072, 150000, 1e-5f, {128, 4, 2880}},
    {"glm4_moe", 5120, 12288, 92, 96, 8, 128, 151552, 202752, 1e6, 1e-5f, {160, 8, 1536, 3, 1, 2.5}},
    {"minimax_m2", 3072, 1536, 62, 48, 8, 128, 200064, 196608, 5e6, 1e-6f, {256, 8, 1536}},
    {"deepseek_v3", 7168, 18432, 61, 128, 1, 576, 129280, 163840, 10000, 1e-6f, {256, 8, 2048, 3, 1, 2.5, 8, 4}},
};
static_assert(std::size(kNumbers) == std::size(kModels));

void set_moe(const Numbers& n, const Architecture& row, ModelConfig& c) {
  c.layer_kinds.resize(static_cast<size_t>(c.layers));
  if (n.moe.experts == 0) return;
  c.moe = {.experts = n.moe.experts, .top_k = n.moe.top_k, .intermediate = n.moe.intermediate,
           .shared_intermediate = n.moe.shared * n.moe.intermediate, .router = row.router, .renormalise = true,
           .scaling = n.moe.scaling, .groups = n.moe.groups, .top_groups = n.moe.top_groups};
  for (int64_t i = n.moe.dense_layers; i < c.layers; ++i) c.layer_kinds[static_cast<size_t>(i)].moe = true;
}

void set_yarn(double factor, int64_t original, bool truncate, Rope& rope) {
  rope.scaling = RopeScaling::yarn;
  rope.factor = factor;
  rope.original_context = original;
  rope.truncate = truncate;
  rope.attention_factor = yarn_mscale(factor, 1.0);
}

// What one family has besides sizes.
void set_family(ModelConfig& c) {
  if (c.architecture == "llama") {
    c.rope.scaling = RopeScaling::llama3;
    c.rope.factor = 8;
    c.rope.original_context = 8192;
  } else if (c.architecture == "cohere") {
    c.tied = true;
    c.logit_scale = 0.8333333f;
  } else if (c.architecture == "qwen2") {
    c.biases.qkv = true;
  } else if (c.architecture == "gpt_oss") {
    c.biases.qkv = c.biases.o = c.biases.mlp = true;
    set_yarn(32, 4096, false, c.rope);
    for (size_t i = 0; i < c.layer_kinds.size(); i += 2) c.layer_kinds[i].window = 128;
  } else if (c.architecture == "glm4_moe") {
    c.biases.qkv = true;
    c.rope.dims = c.head_dim / 2;
  } else if (c.architecture == "minimax_m2") {
    c.rope.dims = 64;
  } else if (c.architecture == "deepseek_v3") {
    c.latent = {.q_rank = 1536, .kv_rank = 512, .nope_dim = 128, .rope_dim = 64, .value_dim = 128};
    c.value_dim = 512;
    set_yarn(40, 4096, true, c.rope);
    c.rope.dims = 64;
    c.rope.attention_factor = 1.0;  // mscale and mscale_all_dim are both 1
    const double m = yarn_mscale(40, 1.0);
    c.attention_scale = static_cast<float>(m * m / std::sqrt(192.0));
  }
}

}  // namespace

std::span<const KnownModel> models() {
  return kModels;
}

ModelConfig config_of(std::string_view name) {
  std::string names;
  for (size_t i = 0; i < std::size(kModels); ++i) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", kModels[i].name);
    if (kModels[i].name != name) continue;
    const Numbers& n = kNumbers[i];
    const Architecture& row = architecture_named(n.architecture);
    ModelConfig c;
    apply(row, c);
    c.name = name;
    c.hidden = n.hidden;
    c.intermediate = n.intermediate;
    c.layers = n.layers;
    c.heads = n.heads;
    c.kv_heads = n.kv_heads;
    c.head_dim = c.value_dim = n.head_dim;
    c.vocab = n.vocab;
    c.context_length = n.context;
    c.norm_epsilon = n.epsilon;
    c.attention_scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(n.head_dim)));
    c.rope = {.style = row.rope, .theta = n.theta, .dims = n.head_dim};
    set_moe(n, row, c);
    set_family(c);
    check_config(c, std::filesystem::path(name));
    return c;
  }
  throw Error{Code::not_found, fmt::format("no known model is called {}; known are {}", printable(name), names)};
}

}  // namespace yoke::model::known
