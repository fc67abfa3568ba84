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
  int64_t q = 0, kv = 0, features = 0;  // the widest half's
};

Widths widest(const model::ModelConfig& config, const parallel::Plan& plan, const parallel::RankPlan& r) {
  Widths w;
  for (int64_t layer = r.layers.begin; layer < r.layers.end; ++layer) {
    for (const int half : r.halves) {
      const parallel::HalfLayer& cut = plan.layers[static_cast<size_t>(layer)].half[half];
      w.q = std::max(w.q, cut.heads.size() * config.head_dim);
      w.kv = std::max(w.kv, cut.kv_heads.size() * config.head_dim);
      w.features = std::max(w.features, cut.features.size());
    }
  }
  return w;
}

void carve(Activations& a, Carver& carver, const model::ModelConfig& config, const parallel::Plan& plan, int rank, int64_t rows) {
  const parallel::RankPlan& r = plan.ranks[static_cast<size_t>(rank)];
  const Widths w = widest(config, plan, r);
  carver.take(a.x, rows * config.hidden);
  carver.take(a.normed, rows * config.hidden);
  carver.take(a.q, rows * w.q);
  carver.take(a.k, rows * w.kv);
  carver.take(a.v, rows * w.kv);
  carver.take(a.mixed, rows * w.q);
  carver.take(a.gate, rows * w.features);
  carver.take(a.up, rows * w.features);
  for (float*& sum : a.sum) carver.take(sum, rows * config.hidden);
  carver.take(a.cos, rows * config.head_dim / 2);
  carver.take(a.sin, rows * config.head_dim / 2);
  if (!r.last_stage) return;
  for (const int half : r.halves) carver.take(a.logits[half], std::min(rows, kHeadRows) * plan.vocab[half].size());
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
}

}  // namespace yoke::node::forward
