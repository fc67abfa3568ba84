// The ops that are several in one, as those several: what a backend does that has nothing better.
#include "kernels/ops.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "kernels/reference/reference_ops.h"

namespace yoke::kernels {
namespace {

template <typename Problem>
void each(Ops& ops, std::span<const Problem> problems) {
  for (const Problem& problem : problems) ops.run(problem);
}

void norm_heads(Ops& ops, const PlaceHeads& p, float* x, int64_t heads, const float* w) {
  if (w == nullptr) return;
  const int64_t d = p.cache.key_dim, rows = static_cast<int64_t>(p.rows.size()) * heads;
  ops.run(RmsNorm{.x = x, .x_stride = d, .rows = rows, .width = d, .w = w, .epsilon = p.epsilon, .y = x, .y_stride = d});
}

void rotate(Ops& ops, const PlaceHeads& p, float* x, int64_t heads) {
  if (p.rotary_dims == 0) return;
  const int64_t d = p.cache.key_dim;
  ops.run(RotaryEmbedding{.x = x, .x_stride = heads * d, .rows = static_cast<int64_t>(p.rows.size()), .heads = heads, .head_stride = d,
                          .dims = p.rotary_dims, .cos = p.cos, .sin = p.sin, .neighbours = p.neighbours});
}

void place_heads(Ops& ops, const PlaceHeads& p) {
  norm_heads(ops, p, p.q, p.heads, p.q_norm);
  rotate(ops, p, p.q, p.heads);
  if (p.k == nullptr) return;
  norm_heads(ops, p, p.k, p.cache.kv_heads, p.k_norm);
  rotate(ops, p, p.k, p.cache.kv_heads);
  ops.run(KvAppend{.k = p.k, .k_stride = p.cache.kv_heads * p.cache.key_dim, .v = p.v, .v_stride = p.cache.kv_heads * p.cache.value_dim,
                   .rows = p.rows, .cache = p.cache});
}

}  // namespace

void Ops::run(const Fill& p) { std::fill_n(p.x, p.count, 0.0f); }

void Ops::run(const JoinNorm& p) {
  YOKE_ASSERT(p.meeting == nullptr);
  if (p.h0 != nullptr) run(ResidualAdd{.x = p.x, .h0 = p.h0, .h1 = p.h1, .count = p.rows * p.width});
  if (p.y == nullptr) return;
  if (p.centred) {
    return run(LayerNorm{.x = p.x, .x_stride = p.width, .rows = p.rows, .width = p.width, .w = p.w, .bias = p.bias,
                         .epsilon = p.epsilon, .y = p.y, .y_stride = p.width});
  }
  run(RmsNorm{.x = p.x, .x_stride = p.width, .rows = p.rows, .width = p.width, .w = p.w, .epsilon = p.epsilon, .y = p.y,
              .y_stride = p.width});
}

void Ops::run(const SortExperts& p) {
  const int64_t pairs = p.rows * p.top_k;
  int32_t place = 0;
  std::fill_n(p.places, pairs, -1);
  for (int64_t expert = p.experts.begin; expert < p.experts.end; ++expert) {
    p.offsets[expert - p.experts.begin] = place;
    for (int64_t i = 0; i < pairs; ++i) {
      if (p.chosen[i] != expert) continue;
      if (!p.row_places.empty() && p.row_places[static_cast<size_t>(i / p.top_k)].end == 0) continue;
      p.slots[place] = static_cast<int32_t>(i);
      p.places[i] = place++;
    }
  }
  p.offsets[p.experts.size()] = place;
}

void Ops::run(const GroupedLinear& p) {
  for (size_t e = 0; e < p.experts.size(); ++e) {
    const PackedMatrix& w = p.experts[e];
    const int64_t first = p.offsets[e], n = p.offsets[e + 1] - first;
    if (n == 0) continue;
    const float* x = p.x + first * p.x_stride;
    int64_t stride = p.x_stride;
    if (p.slots != nullptr) {
      stride = w.cols();
      gathered_.resize(static_cast<size_t>(n * stride));
      for (int64_t i = 0; i < n; ++i) {
        const float* row = p.x + p.slots[first + i] / p.top_k * p.x_stride;
        std::memcpy(gathered_.data() + i * stride, row, static_cast<size_t>(stride) * sizeof(float));
      }
      x = gathered_.data();
    }
    run(Linear{.w = w, .x = x, .x_stride = stride, .rows = n, .y = p.y + first * w.rows(), .y_stride = w.rows(),
               .bias = p.bias.empty() ? nullptr : p.bias[e]});
  }
}

void Ops::run(const CombineExperts& p) {
  for (int64_t r = 0; r < p.rows; ++r) {
    float* y = p.y + r * p.width;
    std::fill_n(y, p.width, 0.0f);
    for (int64_t j = 0; j < p.top_k; ++j) {
      const int64_t place = p.places[r * p.top_k + j];
      if (place < 0) continue;
      const float weight = p.weights[r * p.top_k + j];
      const float* x = p.x + place * p.width;
      for (int64_t i = 0; i < p.width; ++i) y[i] = std::fma(weight, x[i], y[i]);
    }
  }
}

void Ops::run(const Candidates& p) { reference::candidates(p); }

void Ops::run(std::span<const Linear> problems) { each(*this, problems); }
void Ops::run(std::span<const Attention> problems) { each(*this, problems); }
void Ops::run(std::span<const SwiGlu> problems) { each(*this, problems); }
void Ops::run(std::span<const ClampedSwiGlu> problems) { each(*this, problems); }

void Ops::run(std::span<const PlaceHeads> problems) {
  for (const PlaceHeads& problem : problems) place_heads(*this, problem);
}

}  // namespace yoke::kernels
