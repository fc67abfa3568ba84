#include "node/forward/activations.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "core/units.h"

namespace yoke::node::forward {
namespace {

// A cache line, and the widest vector: rows that begin on one are loaded without a split.
constexpr int64_t kAlignFloats = 64 / sizeof(float);

// Hands out pieces of one block: first pass with a null block counts, the second one gives.
class Carver {
 public:
  explicit Carver(float* block) : block_(block) {}
  void take(float*& piece, int64_t floats) {
    piece = block_ == nullptr ? nullptr : block_ + used_;
    used_ += round_up(floats, kAlignFloats);
  }
  int64_t used() const { return used_; }

 private:
  float* block_;
  int64_t used_ = 0;
};

struct Widths {
  int64_t heads = 0, kv_heads = 0, features = 0;  // the widest half's
};

Widths widest(const parallel::Plan& plan, const parallel::RankPlan& r) {
  Widths w;
  for (int64_t layer = r.layers.begin; layer < r.layers.end; ++layer) {
    for (const int half : r.halves) {
      const parallel::HalfLayer& cut = plan.layers[static_cast<size_t>(layer)].half[half];
      w.heads = std::max(w.heads, cut.heads.size());
      w.kv_heads = std::max(w.kv_heads, cut.kv_heads.size());
      w.features = std::max({w.features, cut.features.size(), cut.expert_features.size(), cut.shared_features.size()});
    }
  }
  return w;
}

void carve_latent(Activations& a, Carver& carver, const model::Latent& latent, int64_t rows, int64_t heads) {
  carver.take(a.q_latent, rows * latent.q_rank);
  carver.take(a.kv_latent, rows * (latent.kv_rank + latent.rope_dim));
  carver.take(a.q_heads, rows * heads * (latent.nope_dim + latent.rope_dim));
  carver.take(a.values, rows * heads * latent.value_dim);
}

void carve_experts(Activations& a, Carver& carver, const model::ModelConfig& config, int64_t rows) {
  carver.take(a.router, rows * config.moe.experts);
  carver.take(a.expert_x, rows * config.hidden);
  carver.take(a.expert_y, rows * config.hidden);
}

void carve(Activations& a, Carver& carver, const model::ModelConfig& config, const parallel::Plan& plan, int rank, int64_t rows) {
  const parallel::RankPlan& r = plan.ranks[static_cast<size_t>(rank)];
  const Widths w = widest(plan, r);
  carver.take(a.x, rows * config.hidden);
  carver.take(a.normed, rows * config.hidden);
  for (const int half : r.halves) {
    carver.take(a.q[half], rows * w.heads * config.head_dim);
    carver.take(a.k[half], rows * w.kv_heads * config.head_dim);
    carver.take(a.v[half], rows * w.kv_heads * config.value_dim);
  }
  for (float*& sum : a.sum) carver.take(sum, rows * config.hidden);
  carver.take(a.squares, 4 * rows);
  carver.take(a.mixed, rows * w.heads * config.value_dim);
  carver.take(a.gate, rows * w.features);
  carver.take(a.up, rows * w.features);
  carver.take(a.cos, rows * config.rope.dims / 2);
  carver.take(a.sin, rows * config.rope.dims / 2);
  if (config.block == model::BlockKind::parallel) carver.take(a.mlp_part, rows * config.hidden);
  if (config.latent.kv_rank > 0) carve_latent(a, carver, config.latent, rows, w.heads);
  if (config.moe.experts > 0) carve_experts(a, carver, config, rows);
  if (!r.last_stage) return;
  if (config.gives_states()) carver.take(a.logits[0], std::min(rows, kHeadRows) * config.output_width());
  else for (const int half : r.halves) carver.take(a.logits[half], std::min(rows, kHeadRows) * plan.vocab[half].size());
}

}  // namespace

void Activations::Free::operator()(float* data) const { std::free(data); }

Activations::Activations(const model::ModelConfig& config, const parallel::Plan& plan, int rank, int64_t max_rows) {
  Carver counting(nullptr);
  carve(*this, counting, config, plan, rank, max_rows);
  const size_t bytes = static_cast<size_t>(counting.used()) * sizeof(float);
  memory_.reset(static_cast<float*>(std::aligned_alloc(kAlignFloats * sizeof(float), bytes)));
  if (memory_ == nullptr) throw std::bad_alloc();
  Carver giving(memory_.get());
  carve(*this, giving, config, plan, rank, max_rows);
  owned_rows.reserve(static_cast<size_t>(max_rows));
  chosen.resize(static_cast<size_t>(max_rows * config.moe.top_k));
  weights.resize(static_cast<size_t>(max_rows * config.moe.top_k));
  expert_rows.reserve(static_cast<size_t>(max_rows));
  expert_weights.reserve(static_cast<size_t>(max_rows));
}

}  // namespace yoke::node::forward
