#include "model/roles.h"

#include "core/error.h"

namespace yoke::model {
namespace {

using C = ModelConfig;
using K = LayerKind;

bool always(const C&, const K&) { return true; }
bool encoder(const C& c, const K&) { return c.encoder.is; }
bool token_types(const C& c, const K&) { return c.encoder.is && c.encoder.token_types > 0; }
bool plain_attention(const C& c, const K&) { return c.latent.kv_rank == 0; }
bool latent(const C& c, const K&) { return c.latent.kv_rank > 0; }
bool latent_query(const C& c, const K&) { return c.latent.q_rank > 0; }
bool qkv_bias(const C& c, const K&) { return c.biases.qkv; }
bool o_bias(const C& c, const K&) { return c.biases.o; }
bool qk_norm(const C& c, const K&) { return c.qk_norm != QkNorm::none; }
bool sinks(const C& c, const K&) { return c.sinks; }
bool norm_bias(const C& c, const K&) { return c.biases.norms; }
bool second_norm(const C& c, const K&) { return c.block != BlockKind::parallel; }
bool second_norm_bias(const C& c, const K&) { return c.biases.norms && c.block != BlockKind::parallel; }
bool final_norm(const C& c, const K&) { return c.block != BlockKind::post_norm; }
bool final_norm_bias(const C& c, const K&) { return c.biases.norms && c.block != BlockKind::post_norm; }
bool dense(const C&, const K& k) { return !k.moe; }
bool gated(const C& c, const K& k) { return !k.moe && c.mlp != MlpKind::gelu; }
bool dense_bias(const C& c, const K& k) { return !k.moe && c.biases.mlp; }
bool gated_bias(const C& c, const K& k) { return !k.moe && c.biases.mlp && c.mlp != MlpKind::gelu; }
bool moe(const C&, const K& k) { return k.moe; }
bool router_bias(const C& c, const K& k) { return k.moe && c.biases.router; }
bool correction(const C& c, const K& k) { return k.moe && c.biases.correction; }
bool expert_bias(const C& c, const K& k) { return k.moe && c.biases.mlp; }
bool shared(const C& c, const K& k) { return k.moe && c.moe.shared_intermediate > 0; }
bool head(const C& c, const K&) { return !c.encoder.is && !c.tied; }
bool pooler(const C& c, const K&) { return c.encoder.is && c.encoder.head != EncoderHead::none; }
bool classifier(const C& c, const K&) { return c.encoder.is && c.encoder.head == EncoderHead::classifier; }
bool by_tensor(const C&, const K&) { return false; }  // rope_freqs: where the file has it

int64_t q_width(const C& c) { return c.heads * c.head_dim; }
int64_t kv_width(const C& c) { return c.kv_heads * c.head_dim; }
int64_t value_width(const C& c) { return c.heads * (c.latent.kv_rank > 0 ? c.latent.value_dim : c.head_dim); }
int64_t latent_q_width(const C& c) { return c.heads * (c.latent.nope_dim + c.latent.rope_dim); }

RoleShape of_hidden(const C& c) { return {1, c.hidden}; }
RoleShape of_features(const C& c) { return {1, c.intermediate}; }
RoleShape of_expert_features(const C& c) { return {1, c.moe.intermediate}; }
RoleShape of_experts(const C& c) { return {1, c.moe.experts}; }
RoleShape of_queries(const C& c) { return {1, q_width(c)}; }
RoleShape of_keys(const C& c) { return {1, kv_width(c)}; }
RoleShape q_norm_shape(const C& c) { return {1, c.qk_norm == QkNorm::per_head ? c.head_dim : q_width(c)}; }
RoleShape k_norm_shape(const C& c) { return {1, c.qk_norm == QkNorm::per_head ? c.head_dim : kv_width(c)}; }
RoleShape vocabulary(const C& c) { return {c.vocab, c.hidden}; }
RoleShape up_shape(const C& c) { return {c.intermediate, c.hidden}; }
RoleShape down_shape(const C& c) { return {c.hidden, c.intermediate}; }
RoleShape expert_up_shape(const C& c) { return {c.moe.intermediate, c.hidden}; }
RoleShape expert_down_shape(const C& c) { return {c.hidden, c.moe.intermediate}; }
RoleShape shared_up_shape(const C& c) { return {c.moe.shared_intermediate, c.hidden}; }
RoleShape shared_down_shape(const C& c) { return {c.hidden, c.moe.shared_intermediate}; }

constexpr auto kModel = Scope::model;
constexpr auto kLayer = Scope::layer;
constexpr auto kExpert = Scope::expert;

constexpr RoleRow kRoles[] = {
    {Role::embedding, "embedding", kModel, false, always, vocabulary},
    {Role::position_embedding, "position_embedding", kModel, false, encoder,
     [](const C& c) { return RoleShape{c.encoder.positions, c.hidden}; }},
    {Role::token_type_embedding, "token_type_embedding", kModel, false, token_types,
     [](const C& c) { return RoleShape{c.encoder.token_types, c.hidden}; }},
    {Role::embedding_norm, "embedding_norm", kModel, true, encoder, of_hidden},
    {Role::embedding_norm_bias, "embedding_norm_bias", kModel, true, encoder, of_hidden},
    {Role::attn_norm, "attn_norm", kLayer, true, always, of_hidden},
    {Role::attn_norm_bias, "attn_norm_bias", kLayer, true, norm_bias, of_hidden},
    {Role::q, "q", kLayer, false, plain_attention, [](const C& c) { return RoleShape{q_width(c), c.hidden}; }},
    {Role::k, "k", kLayer, false, plain_attention, [](const C& c) { return RoleShape{kv_width(c), c.hidden}; }},
    {Role::v, "v", kLayer, false, plain_attention, [](const C& c) { return RoleShape{kv_width(c), c.hidden}; }},
    {Role::o, "o", kLayer, false, always, [](const C& c) { return RoleShape{c.hidden, value_width(c)}; }},
    {Role::q_bias, "q_bias", kLayer, true, qkv_bias, of_queries},
    {Role::k_bias, "k_bias", kLayer, true, qkv_bias, of_keys},
    {Role::v_bias, "v_bias", kLayer, true, qkv_bias, of_keys},
    {Role::o_bias, "o_bias", kLayer, true, o_bias, of_hidden},
    {Role::q_norm, "q_norm", kLayer, true, qk_norm, q_norm_shape},
    {Role::k_norm, "k_norm", kLayer, true, qk_norm, k_norm_shape},
    {Role::sinks, "sinks", kLayer, true, sinks, [](const C& c) { return RoleShape{1, c.heads}; }},
    {Role::q_a, "q_a", kLayer, false, latent_query, [](const C& c) { return RoleShape{c.latent.q_rank, c.hidden}; }},
    {Role::q_a_norm, "q_a_norm", kLayer, true, latent_query, [](const C& c) { return RoleShape{1, c.latent.q_rank}; }},
    {Role::q_b, "q_b", kLayer, false, latent,
     [](const C& c) { return RoleShape{latent_q_width(c), c.latent.q_rank > 0 ? c.latent.q_rank : c.hidden}; }},
    {Role::kv_a, "kv_a", kLayer, false, latent,
     [](const C& c) { return RoleShape{c.latent.kv_rank + c.latent.rope_dim, c.hidden}; }},
    {Role::kv_a_norm, "kv_a_norm", kLayer, true, latent, [](const C& c) { return RoleShape{1, c.latent.kv_rank}; }},
    {Role::kv_b, "kv_b", kLayer, false, latent,
     [](const C& c) { return RoleShape{c.heads * (c.latent.nope_dim + c.latent.value_dim), c.latent.kv_rank}; }},
    {Role::mlp_norm, "mlp_norm", kLayer, true, second_norm, of_hidden},
    {Role::mlp_norm_bias, "mlp_norm_bias", kLayer, true, second_norm_bias, of_hidden},
    {Role::gate, "gate", kLayer, false, gated, up_shape},
    {Role::up, "up", kLayer, false, dense, up_shape},
    {Role::down, "down", kLayer, false, dense, down_shape},
    {Role::gate_bias, "gate_bias", kLayer, true, gated_bias, of_features},
    {Role::up_bias, "up_bias", kLayer, true, dense_bias, of_features},
    {Role::down_bias, "down_bias", kLayer, true, dense_bias, of_hidden},
    {Role::router, "router", kLayer, false, moe, [](const C& c) { return RoleShape{c.moe.experts, c.hidden}; }},
    {Role::router_bias, "router_bias", kLayer, true, router_bias, of_experts},
    {Role::router_correction, "router_correction", kLayer, true, correction, of_experts},
    {Role::expert_gate, "expert_gate", kExpert, false, moe, expert_up_shape},
    {Role::expert_up, "expert_up", kExpert, false, moe, expert_up_shape},
    {Role::expert_down, "expert_down", kExpert, false, moe, expert_down_shape},
    {Role::expert_gate_bias, "expert_gate_bias", kExpert, true, expert_bias, of_expert_features},
    {Role::expert_up_bias, "expert_up_bias", kExpert, true, expert_bias, of_expert_features},
    {Role::expert_down_bias, "expert_down_bias", kExpert, true, expert_bias, of_hidden},
    {Role::shared_gate, "shared_gate", kLayer, false, shared, shared_up_shape},
    {Role::shared_up, "shared_up", kLayer, false, shared, shared_up_shape},
    {Role::shared_down, "shared_down", kLayer, false, shared, shared_down_shape},
    {Role::final_norm, "final_norm", kModel, true, final_norm, of_hidden},
    {Role::final_norm_bias, "final_norm_bias", kModel, true, final_norm_bias, of_hidden},
    {Role::head, "head", kModel, false, head, vocabulary},
    {Role::pooler, "pooler", kModel, false, pooler, [](const C& c) { return RoleShape{c.hidden, c.hidden}; }},
    {Role::pooler_bias, "pooler_bias", kModel, true, pooler, of_hidden},
    {Role::classifier, "classifier", kModel, false, classifier,
     [](const C& c) { return RoleShape{c.encoder.labels, c.hidden}; }},
    {Role::classifier_bias, "classifier_bias", kModel, true, classifier,
     [](const C& c) { return RoleShape{1, c.encoder.labels}; }},
    {Role::rope_freqs, "rope_freqs", kModel, true, by_tensor, [](const C& c) { return RoleShape{1, c.rope.dims / 2}; }},
};

constexpr bool rows_follow_the_enum() {
  for (size_t i = 0; i < std::size(kRoles); ++i) {
    if (static_cast<size_t>(kRoles[i].role) != i) return false;
  }
  return std::size(kRoles) == static_cast<size_t>(Role::rope_freqs) + 1;
}
static_assert(rows_follow_the_enum());

}  // namespace

std::span<const RoleRow> role_rows() {
  return kRoles;
}

const RoleRow& row_of(Role role) {
  return kRoles[static_cast<size_t>(role)];
}

LayerKind kind_of(const ModelConfig& config, int64_t layer) {
  const auto at = static_cast<size_t>(layer);
  return at < config.layer_kinds.size() ? config.layer_kinds[at] : LayerKind{.window = 0, .moe = config.moe.experts > 0};
}

std::string_view name(Role role) {
  return row_of(role).name;
}

bool is_expert(Role role) {
  return row_of(role).scope == Scope::expert;
}

}  // namespace yoke::model
