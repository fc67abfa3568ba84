// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434) in its absorbed form, for prefill and decode alike (docs/bits.md
// rule 5). The cache holds one latent for all heads: its key is [kv_rank normed | rope rotated], its value the first kv_rank of
// that. A head's query goes through the transposed up projection of its key, its mix of latents through that of its value.
#include <cstring>

#include "node/forward/linear.h"
#include "node/forward/transformer.h"

namespace yoke::node::forward {
namespace {

using kernels::RmsNorm;
using kernels::RotaryEmbedding;
using model::Latent;
using model::ModelConfig;

struct Heads {
  float* x;
  int64_t count, stride;
};

void rotate(const ModelConfig& c, int64_t rows, const Heads& heads, const Activations& a, kernels::Ops& ops) {
  ops.run(RotaryEmbedding{.x = heads.x, .x_stride = heads.count * heads.stride, .rows = rows, .heads = heads.count,
                          .head_stride = heads.stride, .dims = c.rope.dims, .cos = a.cos, .sin = a.sin,
                          .neighbours = c.rope.style == model::RopeStyle::neighbours});
}

// a.q_latent: what queries are made of; a.k: the step's latents.
void make_latents(const HalfInput& h, const ModelConfig& c, int64_t n, Activations& a, kernels::Ops& ops) {
  const Latent& l = c.latent;
  const int64_t width = l.kv_rank + l.rope_dim;
  if (l.q_rank > 0) {
    linear(ops, h.layer.q_a, h.in, n, a.q_latent, nullptr);  // a.q_latent [n, q_rank]
    ops.run(RmsNorm{.x = a.q_latent, .x_stride = l.q_rank, .rows = n, .width = l.q_rank, .w = h.layer.q_a_norm,
                    .epsilon = c.norm_epsilon, .y = a.q_latent, .y_stride = l.q_rank});
  }
  linear(ops, h.layer.kv_a, h.in, n, a.kv_latent, nullptr);  // a.kv_latent [n, kv_rank + rope]
  ops.run(RmsNorm{.x = a.kv_latent, .x_stride = width, .rows = n, .width = l.kv_rank, .w = h.layer.kv_a_norm,
                  .epsilon = c.norm_epsilon, .y = a.kv_latent, .y_stride = width});
  rotate(c, n, {a.kv_latent + l.kv_rank, 1, width}, a, ops);
}

// a.q [n, heads * (kv_rank + rope)] <- a.q_heads [n, heads * (nope + rope)]
void absorb_keys(const HalfWeights& w, const ModelConfig& c, int64_t n, float* q, const Activations& a, kernels::Ops& ops) {
  const Latent& l = c.latent;
  const int64_t from = l.nope_dim + l.rope_dim, to = l.kv_rank + l.rope_dim;
  for (int64_t head = 0; head < w.heads; ++head) {
    ops.run(kernels::TransposedLinear{.w = w.kv_b, .first = head * (l.nope_dim + l.value_dim), .count = l.nope_dim,
                                      .x = a.q_heads + head * from, .x_stride = w.heads * from, .rows = n,
                                      .y = q + head * to, .y_stride = w.heads * to});
  }
  for (int64_t i = 0; i < n * w.heads; ++i) {
    std::memcpy(q + i * to + l.kv_rank, a.q_heads + i * from + l.nope_dim, static_cast<size_t>(l.rope_dim) * sizeof(float));
  }
}

}  // namespace

void append_latent(const HalfInput& h, const ModelConfig& c, Rows rows, Activations& a, kernels::Ops& ops) {
  const HalfWeights& w = h.weights();
  const int64_t n = rows.count(), width = c.latent.kv_rank + c.latent.rope_dim;
  if (h.first) make_latents(h, c, n, a, ops);
  linear(ops, w.q_b, c.latent.q_rank > 0 ? a.q_latent : h.in, n, a.q_heads, nullptr);  // a.q_heads [n, heads * (nope + rope)]
  absorb_keys(w, c, n, a.q[h.half], a, ops);
  rotate(c, n, {a.q[h.half] + c.latent.kv_rank, w.heads, width}, a, ops);
  if (!h.first) return;
  ops.run(kernels::KvAppend{.k = a.kv_latent, .k_stride = width, .v = a.kv_latent, .v_stride = width, .rows = rows.places, .cache = w.cache});
}

// sum [n, hidden] <- mixed [n, heads * kv_rank]
void output_latent(const HalfWeights& w, const ModelConfig& c, Rows rows, const float* mixed, Activations& a, float* sum, kernels::Ops& ops) {
  const Latent& l = c.latent;
  const int64_t n = rows.count();
  for (int64_t head = 0; head < w.heads; ++head) {
    const int64_t first = head * (l.nope_dim + l.value_dim) + l.nope_dim;
    ops.run(kernels::Linear{.w = w.kv_b, .x = mixed + head * l.kv_rank, .x_stride = w.heads * l.kv_rank, .rows = n,
                            .y = a.values + head * l.value_dim, .y_stride = w.heads * l.value_dim, .outputs = {first, first + l.value_dim}});
  }
  linear(ops, w.o, a.values, n, sum, w.o_bias);  // sum [n, hidden]
}

}  // namespace yoke::node::forward
