#include "node/forward/activations.h"

#include <algorithm>

#include "core/units.h"

namespace yoke::node::forward {
namespace {

// A cache line, and the widest vector: rows that begin on one are loaded without a split. A GPU wants 16 bytes.
constexpr int64_t kAlignment = 64;

// Hands out pieces of one block: first pass with a null block counts, the second one gives.
class Carver {
 public:
  explicit Carver(std::byte* block) : block_(block) {}
  template <typename T>
  void take(T*& piece, int64_t count) {
    piece = block_ == nullptr ? nullptr : reinterpret_cast<T*>(block_ + used_);
    used_ += round_up(count * static_cast<int64_t>(sizeof(T)), kAlignment);
  }
  uint64_t used() const { return static_cast<uint64_t>(used_); }

 private:
  std::byte* block_;
  int64_t used_ = 0;
};

struct Widths {
  int64_t heads = 0, kv_heads = 0;  // the widest half's
  int64_t features = 0, expert_features = 0;
};

Widths widest(const parallel::Plan& plan, const parallel::RankPlan& r) {
  Widths w;
  for (int64_t layer = r.layers.begin; layer < r.layers.end; ++layer) {
    for (const int half : r.halves) {
      const parallel::HalfLayer& cut = plan.layers[static_cast<size_t>(layer)].half[half];
      w.heads = std::max(w.heads, cut.heads.size());
      w.kv_heads = std::max(w.kv_heads, cut.kv_heads.size());
      w.features = std::max({w.features, cut.features.size(), cut.shared_features.size()});
      w.expert_features = std::max(w.expert_features, cut.expert_features.size());
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
  const int64_t pairs = rows * config.moe.top_k;
  carver.take(a.router, rows * config.moe.experts);
  carver.take(a.expert_y, std::max(rows, pairs) * config.hidden);
  carver.take(a.weights, pairs);
  carver.take(a.chosen, pairs);
  carver.take(a.offsets, config.moe.experts + 1);
  carver.take(a.slots, pairs);
  carver.take(a.places, pairs);
}

void carve_local(Activations& a, Carver& carver, const model::ModelConfig& config, const parallel::Plan& plan, int rank, int64_t rows) {
  const parallel::RankPlan& r = plan.ranks[static_cast<size_t>(rank)];
  const Widths w = widest(plan, r);
  carver.take(a.x, rows * config.hidden);
  carver.take(a.normed, rows * config.hidden);
  for (const int half : r.halves) {
    carver.take(a.q[half], rows * w.heads * config.head_dim);
    carver.take(a.k[half], rows * w.kv_heads * config.head_dim);
    carver.take(a.v[half], rows * w.kv_heads * config.value_dim);
    carver.take(a.mixed[half], rows * w.heads * config.value_dim);
    const int64_t gated = rows * std::max(w.features, config.moe.top_k * w.expert_features);
    carver.take(a.gate[half], gated);
    carver.take(a.up[half], gated);
  }
  carver.take(a.squares, 4 * rows);
  if (config.block == model::BlockKind::parallel) carver.take(a.mlp_part, rows * config.hidden);
  if (config.latent.kv_rank > 0) carve_latent(a, carver, config.latent, rows, w.heads);
  if (config.moe.experts > 0) carve_experts(a, carver, config, rows);
}

void carve_sums(Activations& a, Carver& carver, int64_t count) {
  for (float*& sum : a.sum) carver.take(sum, count);
}

void carve_candidates(Activations& a, Carver& carver, const parallel::RankPlan& r, int64_t rows) {
  carver.take(a.candidate_requests, rows);
  for (const int half : r.halves) {
    carver.take(a.candidate_summaries[half], rows);
    carver.take(a.candidates[half], rows * kernels::kMostCandidates);
  }
}

void carve_shared(Activations& a, Carver& carver, const model::ModelConfig& config, const parallel::Plan& plan, int rank, int64_t rows, bool host) {
  const parallel::RankPlan& r = plan.ranks[static_cast<size_t>(rank)];
  carver.take(a.packed, rows * config.hidden);
  carver.take(a.cos, rows * config.rope.dims / 2);
  carver.take(a.sin, rows * config.rope.dims / 2);
  carver.take(a.indices, 2 * rows);
  carver.take(a.head_rows, kHeadRows);
  carver.take(a.row_places, rows);
  if (!r.last_stage) return;
  const int64_t head_rows = std::min(rows, kHeadRows);
  if (config.gives_states()) return carver.take(a.logits[0], head_rows * config.output_width());
  for (const int half : r.halves) carver.take(a.logits[half], head_rows * plan.vocab[half].size());
  if (!host) carve_candidates(a, carver, r, head_rows);
}

// Counts what `carve` takes, then lets it take that of the device.
template <typename Carve>
void carve_of(kernels::Device& device, kernels::Device::Memory memory, const Carve& carve) {
  Carver counting(nullptr);
  carve(counting);
  Carver giving(device.allocate(counting.used(), memory));
  carve(giving);
}

}  // namespace

Activations::Activations(const model::ModelConfig& config, const parallel::Plan& plan, int rank, int64_t max_rows, kernels::Device& device)
    : rows(max_rows) {
  using Memory = kernels::Device::Memory;
  const bool shared_sums = plan.ranks[static_cast<size_t>(rank)].halves.size() == 1;
  carve_of(device, Memory::local, [&](Carver& carver) { carve_local(*this, carver, config, plan, rank, max_rows); });
  carve_of(device, shared_sums ? Memory::shared : Memory::local, [&](Carver& carver) { carve_sums(*this, carver, max_rows * config.hidden); });
  carve_of(device, Memory::shared, [&](Carver& carver) { carve_shared(*this, carver, config, plan, rank, max_rows, device.is_host()); });
  wire = device.is_host() ? x : packed;
}

}  // namespace yoke::node::forward
