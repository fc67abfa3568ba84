// Queries, keys and values of grouped-query attention (multi-head and multi-query are its ends): projections, norms, rotation.
#include <algorithm>

#include "node/forward/linear.h"
#include "node/forward/transformer.h"

namespace yoke::node::forward {
namespace {

using kernels::LayerNorm;
using kernels::Linear;
using kernels::PlaceHeads;
using model::ModelConfig;
using model::QkNorm;

// A key and value that both halves share are the rank's first half's alone to make.
bool makes_kv(const LayerWeights& layer, int half, const Machine& machine) { return !layer.shared_kv || half == machine.halves[0]; }

void project(const LayerWeights& layer, Rows rows, const float* in, Activations& a, const Machine& machine) {
  const int64_t n = rows.count();
  Problems<Linear> products;
  for (const int half : machine.halves) {
    const HalfWeights& w = layer.half[half];
    if (w.heads == 0) continue;
    products.push_back(linear(w.q, in, n, a.q[half], w.q_bias));  // a.q [n, heads * head_dim]
    if (!makes_kv(layer, half, machine)) continue;
    products.push_back(linear(w.k, in, n, a.k[half], w.k_bias));  // a.k [n, kv_heads * head_dim]
    products.push_back(linear(w.v, in, n, a.v[half], w.v_bias));  // a.v [n, kv_heads * value_dim]
  }
  run(machine.ops, products);
}

// A mean-subtracting norm with a weight for every head.
void norm_each_head(const LayerWeights& layer, const ModelConfig& c, Rows rows, Activations& a, const Machine& machine) {
  const int64_t d = c.head_dim;
  const auto run_norm = [&](float* x, int64_t heads, const float* w) {
    machine.ops.run(LayerNorm{.x = x, .x_stride = d, .rows = rows.count() * heads, .width = d, .w = w, .w_rows = heads,
                              .epsilon = c.norm_epsilon, .y = x, .y_stride = d});
  };
  for (const int half : machine.halves) {
    const HalfWeights& w = layer.half[half];
    if (w.heads == 0) continue;
    run_norm(a.q[half], w.heads, w.q_norm);
    if (makes_kv(layer, half, machine)) run_norm(a.k[half], w.kv_heads, w.k_norm);
  }
}

// One norm over the heads of both halves: sums of squares ss0 + ss1 (docs/bits.md rule 4). Of two ranks each adds +0 for the half
// that it has not, so that the sum is the same; a shared key is counted by half 0.
void norm_all_heads(const LayerWeights& layer, const ModelConfig& c, Rows rows, Activations& a, const Machine& machine) {
  const int64_t n = rows.count();
  float* const squares[2] = {a.squares, a.squares + 2 * n};  // each [n of q | n of k]
  std::fill_n(a.squares, 4 * n, 0.0f);
  const auto sum = [&](const float* x, int64_t width, float* sums) {
    machine.ops.run(kernels::SumOfSquares{.x = x, .x_stride = width, .rows = n, .width = width, .sums = sums});
  };
  for (const int half : machine.halves) {
    const HalfWeights& w = layer.half[half];
    if (w.heads == 0) continue;
    sum(a.q[half], w.heads * c.head_dim, squares[half]);
    if (!layer.shared_kv || half == 0) sum(a.k[half], w.kv_heads * c.head_dim, squares[half] + n);
  }
  for (int64_t i = 0; i < 2 * n; ++i) a.squares[i] = squares[0][i] + squares[1][i];
  if (machine.tensor_group != nullptr) machine.tensor_group->all_reduce(a.squares, 2 * n, Dtype::f32, machine.deadline);
  const auto scale = [&](float* x, int64_t heads, int64_t all, const float* sums, const float* w) {
    machine.ops.run(kernels::RmsScale{.x = x, .x_stride = heads * c.head_dim, .rows = n, .width = heads * c.head_dim,
                                      .whole_width = all * c.head_dim, .sums = sums, .w = w, .epsilon = c.norm_epsilon});
  };
  for (const int half : machine.halves) {
    const HalfWeights& w = layer.half[half];
    if (w.heads == 0) continue;
    scale(a.q[half], w.heads, c.heads, a.squares, w.q_norm);
    if (!layer.shared_kv || half == machine.halves[0]) scale(a.k[half], w.kv_heads, c.kv_heads, a.squares + n, w.k_norm);
  }
}

PlaceHeads place_heads(const LayerWeights& layer, int half, const ModelConfig& c, Rows rows, const Activations& a, const Machine& machine) {
  const HalfWeights& w = layer.half[half];
  PlaceHeads p{.q = a.q[half], .heads = w.heads, .epsilon = c.norm_epsilon, .cos = a.cos, .sin = a.sin,
               .neighbours = c.rope.style == model::RopeStyle::neighbours, .rows = rows.places, .cache = w.cache};
  if (c.rope.style != model::RopeStyle::none) p.rotary_dims = c.rope.dims;
  if (c.qk_norm == QkNorm::per_head) {
    p.q_norm = w.q_norm;
    p.k_norm = w.k_norm;
  }
  if (makes_kv(layer, half, machine)) {
    p.k = a.k[half];
    p.v = a.v[half];
  }
  return p;
}

}  // namespace

void queries_and_keys(const LayerWeights& layer, const ModelConfig& c, Rows rows, const float* in, Activations& a, const Machine& machine) {
  project(layer, rows, in, a, machine);
  if (c.qk_norm == QkNorm::all_heads) norm_all_heads(layer, c, rows, a, machine);
  if (c.qk_norm == QkNorm::per_head_layer) norm_each_head(layer, c, rows, a, machine);
  Problems<PlaceHeads> heads;
  for (const int half : machine.halves) {
    if (layer.half[half].heads > 0) heads.push_back(place_heads(layer, half, c, rows, a, machine));
  }
  run(machine.ops, heads);
}

}  // namespace yoke::node::forward
