// How a model is cut: pure functions of its configuration and the layout. docs/bits.md rules 3 and 4 say why so.
#pragma once

#include <string>
#include <vector>

#include "core/kv_block.h"
#include "core/units.h"
#include "model/catalogue.h"

namespace yoke::parallel {

struct Layout {
  int tp = 1;
  int pp = 1;
  int ep = 1;  // 1, or tp: experts lie whole on ranks, the rest is cut as without it
  int world() const { return tp * pp; }
  std::string name() const;  // "tp2pp1", "tp2pp1ep2"
};

// What a plan is made for, besides the model.
struct PlanOptions {
  Layout layout;
  Dtype kv = Dtype::f32;  // the cache's element type
  bool pack = false;      // hold weights in their packed form, where they have one (core/weight_format.h)
};

// g * ceil(n / g / 2): where n units in groups of g are cut in two. At most n.
int64_t canonical_cut(int64_t n, int64_t g);

// One canonical half of one layer. A half may be empty; its sum is then +0.
struct HalfLayer {
  Range heads;
  Range kv_heads;         // the whole model's only one when shared_kv
  Range features;         // of a dense layer's gate, up, down
  Range experts;          // whose sum this half makes
  Range expert_features;  // of each of them: cut, or whole with ep
  Range shared_features;  // of the shared experts
  int64_t heads_per_kv() const { return kv_heads.empty() ? 0 : heads.size() / kv_heads.size(); }
};

struct LayerPlan {
  HalfLayer half[2];
  bool shared_kv = false;  // MQA, MLA: both halves read the same key and value, which every rank holds once
};

struct RankPlan {
  int rank = 0;
  int stage = 0;
  int tp_rank = 0;
  Range layers;
  std::vector<int> halves;  // {0, 1} when tp = 1, else {tp_rank}
  bool first_stage = false; // has the embedding
  bool last_stage = false;  // has final norm, head and sampler
};

struct Plan {
  Layout layout;
  Dtype kv = Dtype::f32;
  bool pack = false;
  std::vector<LayerPlan> layers;  // of the whole model
  Range vocab[2];                 // canonical halves, cut(vocab, 16)
  std::vector<RankPlan> ranks;    // rank = stage * tp + tp_rank
};

// Error{unsupported} for a tp other than 1 and 2; Error{invalid_argument} for more stages than layers, an ep that is neither 1 nor
// tp, an ep for a model without experts, a type that no cache has.
Plan make_plan(const model::Catalogue& catalogue, const PlanOptions& options);

// The half whose regions hold the keys and values of `half`, their weights and their cache.
inline int kv_half(const LayerPlan& layer, int half) { return layer.shared_kv ? 0 : half; }

// The cache of one layer's half; no KV heads where the half is empty.
KvShape kv_shape(const Plan& plan, const model::ModelConfig& config, int64_t layer, int half);

}  // namespace yoke::parallel
