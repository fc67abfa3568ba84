#include "parallel/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace yoke::parallel {
namespace {

using model::Catalogue;
using model::ModelConfig;
using model::Role;
using model::Weight;

// Vocabulary is cut at a multiple of the kernels' panel, so that no panel is split.
constexpr int64_t kVocabGroup = kPanelRows;

struct Halves {
  Range first, second;
};

Halves cut(int64_t n, int64_t g) {
  const int64_t at = canonical_cut(n, g);
  return {{0, at}, {at, n}};
}

void set_halves(LayerPlan& plan, Range HalfLayer::*field, Halves halves) {
  plan.half[0].*field = halves.first;
  plan.half[1].*field = halves.second;
}

// Whole KV groups; the query heads of a single key and value one by one.
void cut_heads(const ModelConfig& config, LayerPlan& plan) {
  plan.shared_kv = config.kv_heads == 1;
  if (plan.shared_kv) {
    set_halves(plan, &HalfLayer::heads, cut(config.heads, 1));
    for (HalfLayer& half : plan.half) half.kv_heads = half.heads.empty() ? Range{} : Range{0, 1};
    return;
  }
  set_halves(plan, &HalfLayer::kv_heads, cut(config.kv_heads, 1));
  for (HalfLayer& half : plan.half) {
    half.heads = {half.kv_heads.begin * config.heads_per_kv(), half.kv_heads.end * config.heads_per_kv()};
  }
}

// The coarsest group that any down projection of the layer demands.
int64_t feature_group(const Catalogue& catalogue, const ModelConfig& config, int layer) {
  int64_t group = 0;
  const auto demand = [&](const Weight* down) {
    if (down != nullptr) group = std::max(group, feature_cut_group(down->format));
  };
  demand(catalogue.find(Role::down, layer));
  demand(catalogue.find(Role::shared_down, layer));
  if (config.layer_kinds[static_cast<size_t>(layer)].moe) {
    for (int expert = 0; expert < config.moe.experts; ++expert) demand(catalogue.find(Role::expert_down, layer, expert));
  }
  YOKE_ASSERT(group > 0);
  return group;
}

void cut_experts(const ModelConfig& config, int ep, int64_t group, LayerPlan& plan) {
  const model::Moe& moe = config.moe;
  if (ep > 1) {
    set_halves(plan, &HalfLayer::experts, cut(moe.experts, 1));
    for (HalfLayer& half : plan.half) half.expert_features = {0, moe.intermediate};
  } else {
    for (HalfLayer& half : plan.half) half.experts = {0, moe.experts};
    set_halves(plan, &HalfLayer::expert_features, cut(moe.intermediate, group));
  }
  set_halves(plan, &HalfLayer::shared_features, cut(moe.shared_intermediate, group));
}

LayerPlan plan_layer(const Catalogue& catalogue, const ModelConfig& config, int ep, int layer) {
  LayerPlan plan;
  cut_heads(config, plan);
  const int64_t group = feature_group(catalogue, config, layer);
  if (config.layer_kinds[static_cast<size_t>(layer)].moe) {
    cut_experts(config, ep, group, plan);
  } else {
    set_halves(plan, &HalfLayer::features, cut(config.intermediate, group));
  }
  return plan;
}

// Layers of each stage: as even as they go, the earlier stages take the rest (the last one has the head as well).
Range stage_layers(int64_t layers, int stages, int stage) {
  const int64_t base = layers / stages, rest = layers % stages;
  const int64_t begin = stage * base + std::min<int64_t>(stage, rest);
  return {begin, begin + base + (stage < rest ? 1 : 0)};
}

void check_options(const ModelConfig& config, const PlanOptions& options) {
  const Layout& layout = options.layout;
  if (layout.tp != 1 && layout.tp != 2) {
    throw Error{Code::unsupported, fmt::format("tp {} is not offered: this version cuts a layer over 1 or 2 ranks", layout.tp), "tp"};
  }
  if (layout.pp < 1 || layout.pp > config.layers) {
    throw Error{Code::invalid_argument,
                fmt::format("pp {} is out of range: the model has {} layers, each stage needs one", layout.pp, config.layers), "pp"};
  }
  if (layout.ep != 1 && layout.ep != layout.tp) {
    throw Error{Code::invalid_argument,
                fmt::format("ep {} is out of range: experts lie on the ranks of a tensor group; ep is 1 or tp ({})", layout.ep, layout.tp), "ep"};
  }
  if (layout.ep > 1 && config.moe.experts == 0) {
    throw Error{Code::invalid_argument, fmt::format("ep {}: {} has no experts; leave --ep away", layout.ep, config.architecture), "ep"};
  }
  const model::Latent& latent = config.latent;
  if (latent.nope_dim % kPanelRows != 0 || latent.value_dim % kPanelRows != 0) {
    throw Error{Code::unsupported, fmt::format("latent attention with keys of {} and values of {} elements a head: multiples of {} are offered",
                                               latent.nope_dim, latent.value_dim, kPanelRows)};
  }
  if (kv_type_name(options.kv).empty()) {
    throw Error{Code::invalid_argument, fmt::format("a KV cache of {} is not offered; these are: {}", name(options.kv), fmt::join(kv_type_names(), ", ")), "kv"};
  }
}

}  // namespace

std::string Layout::name() const {
  return ep > 1 ? fmt::format("tp{}pp{}ep{}", tp, pp, ep) : fmt::format("tp{}pp{}", tp, pp);
}

int64_t canonical_cut(int64_t n, int64_t g) { return std::min(n, g * ceil_div(ceil_div(n, g), 2)); }

Plan make_plan(const Catalogue& catalogue, const PlanOptions& options) {
  const ModelConfig& config = catalogue.checkpoint().config;
  check_options(config, options);
  const Layout& layout = options.layout;
  Plan plan;
  plan.layout = layout;
  plan.kv = options.kv;
  plan.pack = options.pack;
  for (int layer = 0; layer < config.layers; ++layer) plan.layers.push_back(plan_layer(catalogue, config, layout.ep, layer));
  const Halves vocab = cut(config.vocab, kVocabGroup);
  plan.vocab[0] = vocab.first;
  plan.vocab[1] = vocab.second;
  for (int rank = 0; rank < layout.world(); ++rank) {
    RankPlan r;
    r.rank = rank;
    r.stage = rank / layout.tp;
    r.tp_rank = rank % layout.tp;
    r.layers = stage_layers(config.layers, layout.pp, r.stage);
    if (layout.tp == 1) r.halves = {0, 1};
    else r.halves = {r.tp_rank};
    r.first_stage = r.stage == 0;
    r.last_stage = r.stage == layout.pp - 1;
    plan.ranks.push_back(std::move(r));
  }
  return plan;
}

KvShape kv_shape(const Plan& plan, const ModelConfig& config, int64_t layer, int half) {
  return {.type = plan.kv,
          .kv_heads = plan.layers[static_cast<size_t>(layer)].half[half].kv_heads.size(),
          .key_dim = config.head_dim,
          .value_dim = config.value_dim};
}

}  // namespace yoke::parallel
