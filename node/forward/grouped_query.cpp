// Queries, keys and values of grouped-query attention (multi-head and multi-query are its ends): projections, norms, rotation.
#include <algorithm>

#include "node/forward/linear.h"
#include "node/forward/transformer.h"

namespace yoke::node::forward {
namespace {

using kernels::LayerNorm;
using kernels::RmsNorm;
using model::ModelConfig;
using model::QkNorm;

// A key and value that both halves share are the first half's alone to make.
bool makes_kv(const HalfInput& h) { return h.first || !h.layer.shared_kv; }

// Each head of x [rows, heads * head_dim] by itself.
void norm_heads(const ModelConfig& c, int64_t rows, int64_t heads, const float* w, float* x, kernels::Ops& ops) {
  const int64_t d = c.head_dim;
  if (c.qk_norm == QkNorm::per_head) {
    ops.run(RmsNorm{.x = x, .x_stride = d, .rows = rows * heads, .width = d, .w = w, .epsilon = c.norm_epsilon, .y = x, .y_stride = d});
  } else if (c.qk_norm == QkNorm::per_head_layer) {
    ops.run(LayerNorm{.x = x, .x_stride = d, .rows = rows * heads, .width = d, .w = w, .w_rows = heads, .epsilon = c.norm_epsilon,
                      .y = x, .y_stride = d});
  }
}

void rotate(const ModelConfig& c, int64_t rows, int64_t heads, float* x, const Activations& a, kernels::Ops& ops) {
  if (c.rope.style == model::RopeStyle::none) return;
  ops.run(kernels::RotaryEmbedding{.x = x, .x_stride = heads * c.head_dim, .rows = rows, .heads = heads, .head_stride = c.head_dim,
                                   .dims = c.rope.dims, .cos = a.cos, .sin = a.sin,
                                   .neighbours = c.rope.style == model::RopeStyle::neighbours});
}

}  // namespace

void project_grouped(const HalfInput& h, Rows rows, Activations& a, kernels::Ops& ops) {
  const HalfWeights& w = h.weights();
  const int64_t n = rows.count();
  if (w.heads == 0) return;
  linear(ops, w.q, h.in, n, a.q[h.half], w.q_bias);    // a.q [n, heads * head_dim]
  if (!makes_kv(h)) return;
  linear(ops, w.k, h.in, n, a.k[h.half], w.k_bias);    // a.k [n, kv_heads * head_dim]
  linear(ops, w.v, h.in, n, a.v[h.half], w.v_bias);    // a.v [n, kv_heads * value_dim]
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

void append_grouped(const HalfInput& h, const ModelConfig& c, Rows rows, Activations& a, kernels::Ops& ops) {
  const HalfWeights& w = h.weights();
  const int64_t n = rows.count();
  norm_heads(c, n, w.heads, w.q_norm, a.q[h.half], ops);
  rotate(c, n, w.heads, a.q[h.half], a, ops);
  if (!makes_kv(h)) return;
  norm_heads(c, n, w.kv_heads, w.k_norm, a.k[h.half], ops);
  rotate(c, n, w.kv_heads, a.k[h.half], a, ops);
  ops.run(kernels::KvAppend{.k = a.k[h.half], .k_stride = w.kv_heads * c.head_dim, .v = a.v[h.half],
                            .v_stride = w.kv_heads * c.value_dim, .rows = rows.places, .cache = w.cache});
}

}  // namespace yoke::node::forward
