#include <algorithm>
#include <cmath>

#include "node/forward/linear.h"
#include "node/forward/transformer.h"

namespace yoke::node::forward {
namespace {

using kernels::Attention;
using kernels::KvAppend;
using kernels::RotaryEmbedding;

}  // namespace

// Grouped-query attention of one half: its query heads, its KV heads, its columns of the output projection.
void attention(const HalfWeights& w, const model::ModelConfig& c, Rows rows, Activations& a, float* sum, kernels::Ops& ops) {
  const int64_t n = rows.count(), q_width = w.heads * c.head_dim, kv_width = w.kv_heads * c.head_dim;
  if (w.heads == 0) {  // an empty half adds +0
    std::fill_n(sum, n * c.hidden, 0.0f);
    return;
  }
  const auto rotate = [&](float* x, int64_t heads) {
    ops.run(RotaryEmbedding{.x = x, .x_stride = heads * c.head_dim, .rows = n, .heads = heads, .head_dim = c.head_dim,
                            .cos = a.cos, .sin = a.sin, .neighbours = c.rope.style == model::RopeStyle::neighbours});
  };

  linear(ops, w.q, a.normed, n, a.q, w.q_bias);   // a.q [n, heads * head_dim]
  linear(ops, w.k, a.normed, n, a.k, w.k_bias);   // a.k [n, kv_heads * head_dim]
  linear(ops, w.v, a.normed, n, a.v, w.v_bias);   // a.v [n, kv_heads * head_dim]
  rotate(a.q, w.heads);
  rotate(a.k, w.kv_heads);

  // All rows are written before any is read: a chunk's row sees those before it, whether they came in this step or earlier.
  ops.run(KvAppend{.k = a.k, .v = a.v, .stride = kv_width, .rows = rows.places, .cache = w.cache});
  ops.run(Attention{.q = a.q, .q_stride = q_width, .rows = rows.places, .cache = w.cache, .heads_per_kv = c.heads_per_kv(),
                    .scale = 1.0f / std::sqrt(static_cast<float>(c.head_dim)), .out = a.mixed, .out_stride = q_width});

  linear(ops, w.o, a.mixed, n, sum, w.o_bias);    // sum [n, hidden]
}

}  // namespace yoke::node::forward
