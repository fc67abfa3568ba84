#include "node/forward/weights.h"

#include "node/forward/binder.h"
#include "parallel/slice.h"

namespace yoke::node::forward {
namespace {

using model::ModelConfig;
using model::Role;
using parallel::HalfLayer;

// The roles of one MLP.
struct MlpRoles {
  Role gate, up, down;
  Role gate_bias, up_bias, down_bias;
};
constexpr MlpRoles kDense{Role::gate, Role::up, Role::down, Role::gate_bias, Role::up_bias, Role::down_bias};
constexpr MlpRoles kExpert{Role::expert_gate, Role::expert_up, Role::expert_down, Role::expert_gate_bias, Role::expert_up_bias, Role::expert_down_bias};

MlpWeights bind_mlp(const Binder& pool, const MlpRoles& roles, Place place, int64_t features, const ModelConfig& c) {
  MlpWeights w;
  if (c.mlp != model::MlpKind::gelu) w.gate = pool.matrix(roles.gate, place, features, c.hidden);
  w.up = pool.matrix(roles.up, place, features, c.hidden);
  w.down = pool.matrix(roles.down, place, c.hidden, features);
  w.gate_bias = pool.optional_vector(roles.gate_bias, place, features);
  w.up_bias = pool.optional_vector(roles.up_bias, place, features);
  // A bias of what is summed over halves joins half 0 alone: only that half has a region.
  w.down_bias = pool.optional_vector(roles.down_bias, place, c.hidden);
  return w;
}

MlpWeights bind_shared(const Binder& pool, Place place, int64_t features, const ModelConfig& c) {
  MlpWeights w;
  w.gate = pool.matrix(Role::shared_gate, place, features, c.hidden);
  w.up = pool.matrix(Role::shared_up, place, features, c.hidden);
  w.down = pool.matrix(Role::shared_down, place, c.hidden, features);
  return w;
}

void bind_grouped(const Binder& pool, const ModelConfig& c, const HalfLayer& cut, Place place, int kv_half, HalfWeights& w) {
  const int64_t q_width = w.heads * c.head_dim, k_width = w.kv_heads * c.head_dim, v_width = w.kv_heads * c.value_dim;
  const Place kv{place.layer, kv_half};
  const bool per_head = c.qk_norm == model::QkNorm::per_head;
  w.q = pool.matrix(Role::q, place, q_width, c.hidden);
  w.k = pool.matrix(Role::k, kv, k_width, c.hidden);
  w.v = pool.matrix(Role::v, kv, v_width, c.hidden);
  w.o = pool.matrix(Role::o, place, c.hidden, cut.heads.size() * c.value_dim);
  w.q_bias = pool.optional_vector(Role::q_bias, place, q_width);
  w.k_bias = pool.optional_vector(Role::k_bias, kv, k_width);
  w.v_bias = pool.optional_vector(Role::v_bias, kv, v_width);
  if (c.qk_norm == model::QkNorm::none) return;
  w.q_norm = pool.vector(Role::q_norm, per_head ? Place{place.layer} : place, per_head ? c.head_dim : q_width);
  w.k_norm = pool.vector(Role::k_norm, per_head ? Place{place.layer} : kv, per_head ? c.head_dim : k_width);
}

void bind_latent(const Binder& pool, const ModelConfig& c, Place place, HalfWeights& w) {
  const model::Latent& l = c.latent;
  w.q_b = pool.matrix(Role::q_b, place, w.heads * (l.nope_dim + l.rope_dim), l.q_rank > 0 ? l.q_rank : c.hidden);
  w.kv_b = pool.matrix(Role::kv_b, place, w.heads * (l.nope_dim + l.value_dim), l.kv_rank);
  w.o = pool.matrix(Role::o, place, c.hidden, w.heads * l.value_dim);
}

void add_expert(ExpertMatrices& to, const kernels::PackedMatrix& w, const float* bias) {
  to.matrices.push_back(w);
  if (bias != nullptr) to.biases.push_back(bias);
}

ExpertWeights bind_experts(const Binder& pool, const HalfLayer& cut, Place place, const ModelConfig& c) {
  ExpertWeights w;
  if (cut.expert_features.empty()) return w;
  for (int64_t e = cut.experts.begin; e < cut.experts.end; ++e) {
    const MlpWeights one = bind_mlp(pool, kExpert, {place.layer, place.half, static_cast<int>(e)}, cut.expert_features.size(), c);
    if (one.gate.rows() > 0) add_expert(w.gate, one.gate, one.gate_bias);
    add_expert(w.up, one.up, one.up_bias);
    add_expert(w.down, one.down, one.down_bias);
  }
  return w;
}

HalfWeights bind_half(const Binder& pool, const ModelConfig& c, const parallel::LayerPlan& plan, Place place, bool moe) {
  const HalfLayer& cut = plan.half[place.half];
  HalfWeights w;
  w.heads = cut.heads.size();
  w.kv_heads = cut.kv_heads.size();
  if (c.latent.kv_rank > 0) bind_latent(pool, c, place, w);
  else bind_grouped(pool, c, cut, place, parallel::kv_half(plan, place.half), w);
  w.o_bias = pool.optional_vector(Role::o_bias, place, c.hidden);
  w.sinks = pool.optional_vector(Role::sinks, place, w.heads);
  if (!moe) {
    w.mlp = bind_mlp(pool, kDense, place, cut.features.size(), c);
    return w;
  }
  w.expert_range = cut.experts;
  w.experts = bind_experts(pool, cut, place, c);
  w.shared = bind_shared(pool, place, cut.shared_features.size(), c);
  return w;
}

NormWeights bind_norm(const Binder& pool, Role w, Role bias, int layer, int64_t hidden) {
  return {pool.vector(w, {layer}, hidden), pool.optional_vector(bias, {layer}, hidden)};
}

LayerWeights bind_layer(const Binder& pool, const ModelConfig& c, const parallel::LayerPlan& plan, std::span<const int> halves, int layer) {
  LayerWeights w;
  w.kind = c.layer_kinds[static_cast<size_t>(layer)];
  w.shared_kv = plan.shared_kv;
  w.attn_norm = bind_norm(pool, Role::attn_norm, Role::attn_norm_bias, layer, c.hidden);
  if (c.block != model::BlockKind::parallel) w.mlp_norm = bind_norm(pool, Role::mlp_norm, Role::mlp_norm_bias, layer, c.hidden);
  if (const model::Latent& l = c.latent; l.kv_rank > 0) {
    w.q_a = pool.matrix(Role::q_a, {layer}, l.q_rank, c.hidden);
    w.q_a_norm = pool.vector(Role::q_a_norm, {layer}, l.q_rank);
    w.kv_a = pool.matrix(Role::kv_a, {layer}, l.kv_rank + l.rope_dim, c.hidden);
    w.kv_a_norm = pool.vector(Role::kv_a_norm, {layer}, l.kv_rank);
  }
  if (w.kind.moe) {
    w.router = pool.matrix(Role::router, {layer}, c.moe.experts, c.hidden);
    w.router_bias = pool.optional_vector(Role::router_bias, {layer}, c.moe.experts);
    w.router_correction = pool.optional_vector(Role::router_correction, {layer}, c.moe.experts);
  }
  for (const int half : halves) w.half[half] = bind_half(pool, c, plan, {layer, half}, w.kind.moe);
  return w;
}

EncoderWeights bind_encoder(const Binder& pool, const ModelConfig& c, const parallel::RankPlan& r) {
  EncoderWeights w;
  if (r.first_stage) {
    w.positions = pool.matrix(Role::position_embedding, {}, c.encoder.positions, c.hidden);
    w.token_types = pool.matrix(Role::token_type_embedding, {}, c.encoder.token_types, c.hidden);
    w.embedding_norm = bind_norm(pool, Role::embedding_norm, Role::embedding_norm_bias, model::kNoLayer, c.hidden);
  }
  if (r.last_stage && c.encoder.head != model::EncoderHead::none) {
    w.pooler = pool.matrix(Role::pooler, {}, c.hidden, c.hidden);
    w.pooler_bias = pool.optional_vector(Role::pooler_bias, {}, c.hidden);
    w.classifier = pool.optional_matrix(Role::classifier, {}, c.encoder.labels, c.hidden);
    w.classifier_bias = pool.optional_vector(Role::classifier_bias, {}, c.encoder.labels);
  }
  return w;
}

// A tied head is the embedding's region: the checkpoint has no tensor for it.
Role head_role(const Pool& pool, int half) {
  return pool.find(parallel::region_name(Role::head, model::kNoLayer, half)) != nullptr ? Role::head : Role::embedding;
}

}  // namespace

Weights::Weights(const ModelConfig& config, const parallel::Plan& plan, int rank, const Pool& pool, const KvCache& cache) {
  const parallel::RankPlan& r = plan.ranks.at(static_cast<size_t>(rank));
  const Binder bind(pool);
  for (int64_t i = r.layers.begin; i < r.layers.end; ++i) {
    layers.push_back(bind_layer(bind, config, plan.layers[static_cast<size_t>(i)], r.halves, static_cast<int>(i)));
    for (const int half : r.halves) layers.back().half[half].cache = cache.view(i, half);
  }
  for (const int half : r.halves) {
    if (config.layers_alone) break;
    const int64_t vocab = plan.vocab[half].size();
    if (r.first_stage) embedding[half] = bind.matrix(Role::embedding, {model::kNoLayer, half}, vocab, config.hidden);
    if (r.last_stage && !config.encoder.is) head[half] = bind.matrix(head_role(pool, half), {model::kNoLayer, half}, vocab, config.hidden);
  }
  if (config.encoder.is) encoder = bind_encoder(bind, config, r);
  if (r.last_stage && !config.layers_alone && config.block != model::BlockKind::post_norm) {
    final_norm = bind_norm(bind, Role::final_norm, Role::final_norm_bias, model::kNoLayer, config.hidden);
  }
  rope_freqs = bind.optional_vector(Role::rope_freqs, {}, config.rope.dims / 2);
}

}  // namespace yoke::node::forward
