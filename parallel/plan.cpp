#include "parallel/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/dtype.h"
#include "core/error.h"

namespace yoke::parallel {
namespace {

using model::Role;

// Vocabulary is cut at a multiple of the kernels' panel, so that no panel is split.
constexpr int64_t kVocabGroup = kPanelRows;

void set_halves(int64_t n, int64_t g, Range& first, Range& second) {
  const int64_t cut = canonical_cut(n, g);
  first = {0, cut};
  second = {cut, n};
}

LayerPlan plan_layer(const model::ModelConfig& config, const model::Catalogue& catalogue, int layer) {
  LayerPlan plan;
  set_halves(config.kv_heads, 1, plan.half[0].kv_heads, plan.half[1].kv_heads);
  for (HalfLayer& half : plan.half) {
    half.heads = {half.kv_heads.begin * config.heads_per_kv(), half.kv_heads.end * config.heads_per_kv()};
  }
  const int64_t group = feature_cut_group(catalogue.at(Role::down, layer).dtype);
  set_halves(config.intermediate, group, plan.half[0].features, plan.half[1].features);
  return plan;
}

// Layers of each stage: as even as they go, the earlier stages take the rest (the last one has the head as well).
Range stage_layers(int64_t layers, int stages, int stage) {
  const int64_t base = layers / stages, rest = layers % stages;
  const int64_t begin = stage * base + std::min<int64_t>(stage, rest);
  return {begin, begin + base + (stage < rest ? 1 : 0)};
}

}  // namespace

std::string Layout::name() const { return fmt::format("tp{}pp{}", tp, pp); }

int64_t canonical_cut(int64_t n, int64_t g) { return std::min(n, g * ceil_div(ceil_div(n, g), 2)); }

Plan make_plan(const model::ModelConfig& config, const model::Catalogue& catalogue, Layout layout) {
  if (layout.tp != 1 && layout.tp != 2) {
    throw Error{Code::unsupported, fmt::format("tp {} is not offered: this version cuts a layer over 1 or 2 ranks", layout.tp), "tp"};
  }
  if (layout.pp < 1 || layout.pp > config.layers) {
    throw Error{Code::invalid_argument,
                fmt::format("pp {} is out of range: the model has {} layers, each stage needs one", layout.pp, config.layers), "pp"};
  }
  Plan plan;
  plan.layout = layout;
  for (int layer = 0; layer < config.layers; ++layer) plan.layers.push_back(plan_layer(config, catalogue, layer));
  set_halves(config.vocab, kVocabGroup, plan.vocab[0], plan.vocab[1]);
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

}  // namespace yoke::parallel
