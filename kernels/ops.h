// The operations of a transformer on one device. Every op is a struct that states the problem; every backend computes it in
// the one order that docs/bits.md fixes, so that results are equal in every bit over backends, instruction sets, batch and
// thread counts. A row's result depends on that row alone. All activations are f32 (math mode `exact`).
//
// One Ops object serves one engine thread; it may use threads of its own inside a call. Calls do not overlap.
// Shapes: [rows, n] row-major with a stride in elements from row to row.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kernels/packed_matrix.h"

namespace yoke::kernels {

// y[r, n] = sum_k w[n, k] * x[r, k] (+ bias[n]). Per output: chunks of 32 columns in ascending order; within a chunk one fma a
// column, ascending, from +0, on the bare code (f32/f16/bf16: the value; q8_0: int8; q4_0: nibble - 8; q4_1: nibble); then
// total = total + chunk for plain types, fma(d, chunk, total) for q8_0 and q4_0, and for q4_1 that and
// fma(m, xsum, total), xsum being the ascending f32 sum of the chunk's x. Bias is added last.
struct Linear {
  PackedMatrix w;
  const float* x;
  int64_t x_stride;
  int64_t rows;
  float* y;
  int64_t y_stride;
  const float* bias = nullptr;
};

// y[r, i] = x[r, i] * (1 / sqrt(mean(x^2) + epsilon)) * w[i]. The sum of squares uses 16 virtual lanes (element i joins lane
// i % 16 by fma, ascending) and the tree ((0+8)+(4+12)) + ... : stride 8, then 4, 2, 1.
struct RmsNorm {
  const float* x;
  int64_t x_stride;
  int64_t rows, width;
  const float* w;
  float epsilon;
  float* y;
  int64_t y_stride;
};

// In place on [rows, heads * head_dim]. cos and sin are [rows, head_dim / 2]: one row's angles, shared by its heads.
// (a, b) -> (a cos - b sin, b cos + a sin), each as fma of the second product: fma(a, cos, -(b * sin)).
struct RotaryEmbedding {
  float* x;
  int64_t x_stride;
  int64_t rows, heads, head_dim;
  const float* cos;
  const float* sin;
  bool neighbours;  // pairs (2i, 2i+1); else (i, i + head_dim / 2)
};

// y[r, i] = gate[r, i] / (1 + exp(-gate[r, i])) * up[r, i]
struct SwiGlu {
  const float* gate;
  const float* up;
  int64_t rows, width, stride;  // of gate, up and y
  float* y;
};

// x[r, i] = x[r, i] + (h0[r, i] + h1[r, i]); with h1 null x + h0 (the halves were summed on the wire).
struct ResidualAdd {
  float* x;
  const float* h0;
  const float* h1;
  int64_t count;
};

// y[r, :] = w[token[r] - first_token, :] as f32: q8_0 and q4_0 d * code, q4_1 fma(d, code, m).
struct EmbeddingLookup {
  PackedMatrix w;
  std::span<const int32_t> rows_of_w;
  float* y;
  int64_t y_stride;
};

// One layer's and one half's paged cache. Block b begins at data + b * block_floats(): for each KV head K as
// [head_dim, 16 tokens], then for each KV head V as [16 tokens, head_dim].
struct KvCacheView {
  float* data = nullptr;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  int64_t block_floats() const { return 2 * kv_heads * head_dim * kKvBlockTokens; }
};

// One row of a batch: which sequence's blocks it reads and at which absolute position it stands.
struct RowPlace {
  const int32_t* block_table = nullptr;  // block of positions 16j .. 16j+15 at [j]
  int64_t position = 0;
};

// Writes k and v [rows, kv_heads * head_dim] at each row's position.
struct KvAppend {
  const float* k;
  const float* v;
  int64_t stride;
  std::span<const RowPlace> rows;
  KvCacheView cache;
};

// out[r, h, :] = softmax(scale * q . K) V over positions 0 .. rows[r].position. Splits of 256 absolute positions, each from
// fresh (m, l, o); within a split: scores by fma over head_dim ascending, then times scale; m their maximum; p = exp(s - m);
// l = sum of p and o = fma(p, V, o) in ascending position; splits combine left to right:
// M = max(m, m'), l = fma(l, exp(m - M), l' * exp(m' - M)), o likewise; at the end o / l.
struct Attention {
  const float* q;  // [rows, kv_heads * heads_per_kv * head_dim]
  int64_t q_stride;
  std::span<const RowPlace> rows;
  KvCacheView cache;
  int64_t heads_per_kv;
  float scale;
  float* out;
  int64_t out_stride;
};
inline constexpr int64_t kAttentionSplit = 256;

class Ops {
 public:
  virtual ~Ops() = default;
  virtual void run(const Linear& problem) = 0;
  virtual void run(const RmsNorm& problem) = 0;
  virtual void run(const RotaryEmbedding& problem) = 0;
  virtual void run(const SwiGlu& problem) = 0;
  virtual void run(const ResidualAdd& problem) = 0;
  virtual void run(const EmbeddingLookup& problem) = 0;
  virtual void run(const KvAppend& problem) = 0;
  virtual void run(const Attention& problem) = 0;
};

// The table of backends. `reference` is plain loops, what every other one is compared with; `cpu` is Highway.
struct OpsBackend {
  std::string_view name;
  std::string (*unavailable)();  // why not here; empty when it is available
  bool (*supports)(Dtype weight);
  std::unique_ptr<Ops> (*make)(int threads);
};
std::span<const OpsBackend> ops_backends();
const OpsBackend& ops_backend(std::string_view name);  // Error{invalid_argument} lists the names

}  // namespace yoke::kernels
