// How a model is cut: pure functions of its configuration and the layout. docs/bits.md rules 3 and 4 say why so.
#pragma once

#include <string>
#include <vector>

#include "core/units.h"
#include "model/catalogue.h"

namespace yoke::parallel {

struct Layout {
  int tp = 1;
  int pp = 1;
  int world() const { return tp * pp; }
  std::string name() const;  // "tp2pp1"
};

// g * ceil(n / g / 2): where n units in groups of g are cut in two. At most n.
int64_t canonical_cut(int64_t n, int64_t g);

// One canonical half of one layer. A half may be empty; its sum is then +0.
struct HalfLayer {
  Range kv_heads;
  Range heads;     // kv_heads * heads_per_kv
  Range features;  // of gate, up, down
};

struct LayerPlan {
  HalfLayer half[2];
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
  std::vector<LayerPlan> layers;  // of the whole model
  Range vocab[2];                 // canonical halves, cut(vocab, 16)
  std::vector<RankPlan> ranks;    // rank = stage * tp + tp_rank
};

// Error{unsupported} for a tp other than 1 and 2; Error{invalid_argument} for more stages than layers.
Plan make_plan(const model::ModelConfig& config, const model::Catalogue& catalogue, Layout layout);

}  // namespace yoke::parallel
