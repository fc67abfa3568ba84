#include "model/hf_moe.h"

#include <fmt/format.h>

#include <cmath>
#include <initializer_list>

#include "core/error.h"
#include "model/bad_file.h"
#include "model/config_limits.h"

namespace yoke::model {
namespace {

[[noreturn]] void unsupported(const JsonFields& fields, const std::string& what) {
  throw Error{Code::unsupported, fmt::format("{}: {}", fields.file().string(), what)};
}

std::optional<int64_t> first_of(const JsonFields& fields, std::initializer_list<std::string_view> keys,
                                IntegerLimits limits) {
  for (const std::string_view key : keys) {
    if (const std::optional<int64_t> value = fields.integer(key, limits)) return value;
  }
  return std::nullopt;
}

// A key may say only what the architecture does anyway.
void demand_string(const JsonFields& fields, std::string_view key, std::string_view offered) {
  const std::string found = fields.string(key).value_or(std::string(offered));
  if (found != offered)
    unsupported(fields, fmt::format("{} {} is not offered by this build; {} is", key, printable(found), offered));
}

void check_variants(const JsonFields& fields, const Architecture& row) {
  if (row.router == RouterKind::sigmoid) demand_string(fields, "scoring_func", "sigmoid");
  if (row.name == "deepseek_v3") demand_string(fields, "topk_method", "noaux_tc");
  if (row.name == "deepseek_v2") {
    demand_string(fields, "scoring_func", "softmax");
    demand_string(fields, "topk_method", "greedy");
  }
  if (fields.integer("moe_layer_freq", {1, 1'000'000}).value_or(1) != 1)
    unsupported(fields, "moe_layer_freq other than 1 is not offered by this build");
  if (!fields.boolean("use_routing_bias").value_or(true))
    unsupported(fields, "use_routing_bias false is not offered by this build; true is");
  if (row.qk_norm == QkNorm::all_heads) demand_string(fields, "qk_norm_type", "per_layer");
  for (const int64_t kind : fields.integers("attn_type_list", {0, 16})) {
    if (kind == 1) continue;
    unsupported(fields,
                fmt::format("attn_type_list with {} (linear attention) is not offered by this build; 1 is", kind));
  }
}

// Dense layers: the first ones (DeepSeek, GLM), a list, or all but every n-th (Qwen).
void read_layers(const JsonFields& fields, ModelConfig& config) {
  const int64_t fallback = config.architecture == "glm4_moe" ? 1 : config.architecture == "deepseek_v3" ? 3 : 0;
  const int64_t dense_first = fields.integer("first_k_dense_replace", {0, kMostLayers}).value_or(fallback);
  const int64_t step = fields.integer("decoder_sparse_step", {1, kMostLayers}).value_or(1);
  const std::vector<int64_t> dense = fields.integers("mlp_only_layers", {0, kMostLayers});
  for (int64_t i = 0; i < config.layers; ++i)
    config.layer_kinds[static_cast<size_t>(i)].moe = i >= dense_first && (i + 1) % step == 0;
  for (const int64_t i : dense) {
    if (i < config.layers) config.layer_kinds[static_cast<size_t>(i)].moe = false;
  }
}

void read_groups(const JsonFields& fields, const Architecture& row, Moe& moe) {
  if (row.router != RouterKind::sigmoid || row.name == "minimax_m2") return;
  const bool deepseek = row.name == "deepseek_v3";
  moe.groups = fields.integer("n_group", {1, kMostExperts}).value_or(deepseek ? 8 : 1);
  moe.top_groups = fields.integer("topk_group", {1, kMostExperts}).value_or(deepseek ? 4 : 1);
}

}  // namespace

void read_hf_moe(const JsonFields& fields, const Architecture& row, ModelConfig& config) {
  if (row.defaults.experts == 0) return;
  check_variants(fields, row);
  Moe& moe = config.moe;
  moe.router = row.router;
  moe.experts = first_of(fields, {"num_local_experts", "n_routed_experts", "num_experts"}, {1, kMostExperts})
                    .value_or(row.defaults.experts);
  moe.top_k =
      first_of(fields, {"num_experts_per_tok", "experts_per_token"}, {1, kMostExperts}).value_or(row.defaults.top_k);
  moe.intermediate = fields.integer("moe_intermediate_size", {1, kMostWidth}).value_or(config.intermediate);
  moe.renormalise =
      row.router == RouterKind::softmax_top_k || fields.boolean("norm_topk_prob").value_or(row.defaults.renormalise);
  if (row.name == "mixtral" || row.name == "minimax_m2") moe.renormalise = true;  // which have no such key
  moe.scaling = fields.positive("routed_scaling_factor").value_or(1.0);
  const int64_t shared = row.latent || row.name == "glm4_moe" ? row.name == "deepseek_v2" ? 2 : 1 : 0;
  moe.shared_intermediate = fields.integer("n_shared_experts", {0, kMostExperts}).value_or(shared) * moe.intermediate;
  read_groups(fields, row, moe);
  if (row.name == "deepseek_v2" && moe.renormalise)  // whose two published codes disagree about the scaling then
    unsupported(fields, "norm_topk_prob true is not offered by this build for deepseek_v2");
  read_layers(fields, config);
}

void read_hf_latent(const JsonFields& fields, const Architecture& row, ModelConfig& config) {
  if (!row.latent) return;
  Latent& latent = config.latent;
  latent.q_rank = fields.integer("q_lora_rank", {1, kMostWidth}).value_or(0);
  latent.kv_rank = fields.required_integer("kv_lora_rank", {2, kMostHeadDim});
  latent.nope_dim = fields.required_integer("qk_nope_head_dim", {1, kMostHeadDim});
  latent.rope_dim = fields.required_integer("qk_rope_head_dim", {2, kMostHeadDim});
  latent.value_dim = fields.required_integer("v_head_dim", {1, kMostHeadDim});
  config.kv_heads = 1;
  config.head_dim = latent.kv_rank + latent.rope_dim;
  config.value_dim = latent.kv_rank;
  config.attention_scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(latent.nope_dim + latent.rope_dim)));
}

}  // namespace yoke::model
