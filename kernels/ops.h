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
#include <vector>

#include "core/kv_block.h"
#include "core/math_mode.h"
#include "kernels/candidates.h"
#include "kernels/device.h"
#include "kernels/packed_matrix.h"

namespace yoke::kernels {

// y[r, n] = sum_k w[n, k] * x[r, k] (+ bias[n]). Per output: spans of 256 columns of the part, in ascending order; within a span one
// fma a column, ascending, from +0; then total = total + span. What the fma takes is the weight's value as f32
// (core/weight_format.h). Three formats whose parts begin at a block take the bare code instead and scale chunks of 32 (q8_0: int8;
// q4_0: nibble - 8; q4_1: nibble): total = fma(d, chunk, total), and for q4_1 that and fma(m, xsum, total), xsum being the
// ascending f32 sum of the chunk's x. Bias is added last.
struct Linear {
  PackedMatrix w;
  const float* x;
  int64_t x_stride;
  int64_t rows;
  float* y;
  int64_t y_stride;
  const float* bias = nullptr;
  Range outputs{};  // these of the matrix alone, from and to multiples of 16; y[r, 0] is the first of them. Empty: all
};

// The panels of 16 outputs that a product makes.
inline Range panels_of(const Linear& p) {
  if (p.outputs.empty()) return {0, ceil_div(p.w.rows(), kPanelRows)};
  return {p.outputs.begin / kPanelRows, ceil_div(p.outputs.end, kPanelRows)};
}

// y[r, k] = sum_n w[first + n, k] * x[r, n] over `count` rows of w from `first` (a multiple of 16): one fma an n, ascending, from +0.
struct TransposedLinear {
  PackedMatrix w;
  int64_t first, count;
  const float* x;  // [rows, count]
  int64_t x_stride;
  int64_t rows;
  float* y;        // [rows, w.cols()]
  int64_t y_stride;
};

// y[r, i] = x[r, i] * (1 / sqrt(mean(x^2) + epsilon)) * w[i]. The sum of squares uses 16 virtual lanes (element i joins lane
// i % 16 by fma, ascending) and the tree ((0+8)+(4+12)) + ... : stride 8, then 4, 2, 1.
struct RmsNorm {
  const float* x;
  int64_t x_stride;
  int64_t rows, width;
  const float* w;
  float epsilon;
  float* y;  // may be x
  int64_t y_stride;
};

// d = x - mean(x); y[r, i] = d[i] * (1 / sqrt(mean(d^2) + epsilon)) * w[i] (+ bias[i]). Sums as RmsNorm's, the plain one by
// addition in the same lanes and tree. Row r takes weight row, and bias row, r % w_rows (a weight for every head).
struct LayerNorm {
  const float* x;
  int64_t x_stride;
  int64_t rows, width;
  const float* w;
  const float* bias = nullptr;
  int64_t w_rows = 1;
  float epsilon;
  float* y;  // may be x
  int64_t y_stride;
};

// A norm over features that two ranks share: sums[r] = RmsNorm's sum of squares of this part; then, the parts' sums added,
// x[r, i] = x[r, i] * (1 / sqrt(sums[r] / whole_width + epsilon)) * w[i].
struct SumOfSquares {
  const float* x;
  int64_t x_stride;
  int64_t rows, width;
  float* sums;
};
struct RmsScale {
  float* x;
  int64_t x_stride;
  int64_t rows, width, whole_width;
  const float* sums;
  const float* w;
  float epsilon;
};

// In place on heads of `dims` elements that lie head_stride apart. cos and sin are [rows, dims / 2]: one row's angles, shared by
// its heads. (a, b) -> (a cos - b sin, b cos + a sin), each as fma of the second product: fma(a, cos, -(b * sin)).
struct RotaryEmbedding {
  float* x;
  int64_t x_stride;
  int64_t rows, heads, head_stride, dims;
  const float* cos;
  const float* sin;
  bool neighbours;  // pairs (2i, 2i+1); else (i, i + dims / 2)
};

// y[r, i] = gate[r, i] / (1 + exp(-gate[r, i])) * up[r, i]
struct SwiGlu {
  const float* gate;
  const float* up;
  int64_t rows, width, stride;  // of gate, up and y
  float* y;
};

// g = min(gate, limit), u = min(max(up, -limit), limit); y = g / (1 + exp(-(alpha * g))) * (u + 1)   (gpt-oss)
struct ClampedSwiGlu {
  const float* gate;
  const float* up;
  int64_t rows, width, stride;
  float alpha, limit;
  float* y;
};

// In place: x = 0.5 * x * (1 + erf(x / sqrt 2)); x = tanh(x).
struct Gelu {
  float* x;
  int64_t count;
};
struct Tanh {
  float* x;
  int64_t count;
};
struct Scale {
  float* x;
  int64_t count;
  float factor;
};

// The experts of each row and their weights, experts ascending. `kind` as model::RouterKind. Choice: the top_k highest scores
// (sigmoid: score + correction), ties to the lowest id; with groups, only within the top_groups groups whose two best sum highest.
// Weights: the scores without correction (softmax_top_k: the softmax of the chosen logits, which nothing divides again);
// renormalised: divided by their sum in ascending order of experts, unless that is 0; then times scaling.
enum class RouterScore : uint8_t { softmax, softmax_top_k, sigmoid };
struct Route {
  const float* logits;                // [rows, experts]
  int64_t rows, experts, top_k;
  RouterScore score;
  const float* correction = nullptr;  // [experts]
  bool renormalise;
  float scaling;
  int64_t groups = 1, top_groups = 1;
  int32_t* chosen;                    // [rows, top_k]
  float* weights;                     // [rows, top_k]
};

// y[to[i], :] = fma(weight[i], x[i, :], y[to[i], :]) for i ascending; y[i, :] = x[from[i], :].
struct ScatterAdd {
  const float* x;
  int64_t width;  // of x and y, dense
  std::span<const int32_t> to;
  std::span<const float> weights;
  float* y;
};
struct GatherRows {
  const float* x;
  int64_t width;
  std::span<const int32_t> from;
  float* y;
};

// x[r, i] = x[r, i] + (h0[r, i] + h1[r, i]); with h1 null x + h0 (the halves were summed on the wire).
struct ResidualAdd {
  float* x;
  const float* h0;
  const float* h1;
  int64_t count;
};

// y[r, :] = w[row[r], :] as f32 (rows of the part).
struct EmbeddingLookup {
  PackedMatrix w;
  std::span<const int32_t> rows_of_w;
  float* y;
  int64_t y_stride;
};

// One layer's and one half's paged cache (core/kv_block.h). Block b begins at data + b * block_bytes(): for each KV head K as
// [key_dim, 16 tokens], then for each KV head V as [16 tokens, value_dim]; then, where the type has scales, for each KV head 16
// scales of its keys, then for each KV head 16 scales of its values, f32.
// f8_e4m3: scale = max |x| / 448, code = nearest even of x / scale; i8: scale = max |x| / 127, code = nearest even of x / scale
// within +-127; a token of zeros has scale 0 and codes 0.
struct KvCacheView : KvShape {
  std::byte* data = nullptr;
};

// One row of a batch: which sequence's blocks it reads, at which absolute position it stands, and which positions it may see:
// those before `end`. A row that only fills a batch up has end 0: it sees nothing and writes nothing.
struct RowPlace {
  const int32_t* block_table = nullptr;  // block of positions 16j .. 16j+15 at [j]
  int64_t position = 0;
  int64_t end = 0;                       // position + 1; an encoder's: the length of the sequence
};

// Writes k [rows, kv_heads * key_dim] and v [rows, kv_heads * value_dim] at each row's position.
struct KvAppend {
  const float* k;
  int64_t k_stride;
  const float* v;
  int64_t v_stride;
  std::span<const RowPlace> rows;
  KvCacheView cache;
};

// out[r, h, :] = softmax(scale * q . K) V over the positions that row r sees: begin .. end - 1 with begin = max(0, end - window), or
// 0 where window is 0. Splits of 256 absolute positions, each from fresh (m, l, o); a split without a visible position is skipped.
// Within a split: scores by fma over key_dim ascending, then times scale; m their maximum; p = exp(s - m); l = sum of p and
// o = fma(p, V, o) in ascending position; splits combine left to right: M = max(m, m'), l = fma(l, exp(m - M), l' * exp(m' - M)),
// o likewise. A sink of head h joins once, at the end, as a split of one score sinks[h] without a value. At the end o / l;
// a row that sees nothing is 0.
struct Attention {
  const float* q;  // [rows, kv_heads * heads_per_kv * key_dim]
  int64_t q_stride;
  std::span<const RowPlace> rows;
  KvCacheView cache;
  int64_t heads_per_kv;
  float scale;
  int64_t window = 0;
  const float* sinks = nullptr;  // [kv_heads * heads_per_kv]
  float* out;                    // [rows, kv_heads * heads_per_kv * value_dim]
  int64_t out_stride;
  int64_t longest = 0;           // no row's end is beyond it; 0: nobody says. A GPU then takes a row's splits one by one
};
inline constexpr int64_t kAttentionSplit = 256;

struct Fill {  // with +0
  float* x;
  int64_t count;
};

// Ops in one, so that a GPU takes one launch for them. Each is equal, bit for bit, to the ops that it names, one after the other.

// Where a rank's half meets the other rank's within a step that a GPU works alone: words of shared memory. A step's host has given
// `*base` a number above all of earlier steps; this meeting's is *base + index. The op, when what came before it is done, stores the
// number to `sent` (release, system scope: the host then reads the half and sends it), waits until `arrived` (acquire, system scope) is
// at least the number, and only then reads the other half. The host stores kReleased to `arrived` to let go of a step that has failed.
struct Meeting {
  const uint64_t* base;
  uint64_t index;
  uint64_t* sent;
  const uint64_t* arrived;
};
inline constexpr uint64_t kReleased = ~uint64_t{0};

// ResidualAdd, unless h0 is null; then, unless y is null, y = RmsNorm or, `centred`, LayerNorm of x. With a meeting, which only GPUs
// have, first that.
struct JoinNorm {
  float* x;  // [rows, width], dense, as all here
  const float* h0 = nullptr;
  const float* h1 = nullptr;
  int64_t rows, width;
  bool centred = false;
  const float* w = nullptr;
  const float* bias = nullptr;
  float epsilon = 0;
  float* y = nullptr;  // may be x
  const Meeting* meeting = nullptr;  // the host's; read when the op is given
};

// Of one half's heads: RmsNorm of each head of q and k, RotaryEmbedding of both, KvAppend.
struct PlaceHeads {
  float* q;                       // [rows, heads * key_dim], dense, in place
  float* k = nullptr;             // [rows, kv_heads * key_dim]; null: another half appends what this one shares
  const float* v = nullptr;       // [rows, kv_heads * value_dim]
  int64_t heads;
  const float* q_norm = nullptr;  // [key_dim], or null for no norm
  const float* k_norm = nullptr;
  float epsilon = 0;
  int64_t rotary_dims = 0;        // 0: no rotation
  const float* cos = nullptr;     // [rows, rotary_dims / 2]
  const float* sin = nullptr;
  bool neighbours = false;
  std::span<const RowPlace> rows;
  KvCacheView cache;
};

// The pairs (row, choice) of Route's result in the order of experts, and within one of rows.
struct SortExperts {
  const int32_t* chosen;  // [rows, top_k]
  int64_t rows, top_k;
  Range experts;          // pairs of others are left out
  std::span<const RowPlace> row_places{};  // one a row, or none; pairs of rows that only fill the batch up are left out
  int32_t* offsets;       // [experts.size() + 1]: expert e has pairs offsets[e] .. offsets[e + 1] - 1 of the order
  int32_t* slots;         // [rows * top_k]: row * top_k + choice of the pair at each place
  int32_t* places;        // [rows * top_k]: the place of each pair; -1 where it is left out
};

// Linear, each expert's matrix over its own pairs: y[i] = experts[e] x[from(i)] for the places i of expert e.
struct GroupedLinear {
  std::span<const PackedMatrix> experts;   // of one shape and format
  std::span<const float* const> bias{};    // one an expert, or none
  const int32_t* offsets;
  const int32_t* slots = nullptr;          // from(i) = slots[i] / top_k; null: i
  int64_t pairs, top_k;                    // room for so many places
  const float* x;
  int64_t x_stride;
  float* y;                                // [pairs, outputs], dense
};

// y[r, :] = sum over j ascending of weights[r, j] x[places[r, j], :], by fma from +0; left-out pairs are skipped.
struct CombineExperts {
  const float* x;         // [pairs, width], dense
  const int32_t* places;  // [rows, top_k]
  const float* weights;   // [rows, top_k]
  int64_t rows, top_k, width;
  float* y;               // [rows, width]
};

// Of each row and each slice of the vocabulary what requests[r] asks (kernels/candidates.h has the order and the sums).
struct Candidates {
  const CandidateRequest* requests;  // [rows]; read when the op runs: a recording's rows may ask anew each time
  int64_t rows;
  std::span<const CandidateSlice> slices;  // two at most
};

class Ops {
 public:
  virtual ~Ops() = default;
  virtual Device& device() { return host_; }
  virtual MathMode math() const { return MathMode::exact; }

  virtual void run(const Linear& problem) = 0;
  virtual void run(const TransposedLinear& problem) = 0;
  virtual void run(const RmsNorm& problem) = 0;
  virtual void run(const LayerNorm& problem) = 0;
  virtual void run(const SumOfSquares& problem) = 0;
  virtual void run(const RmsScale& problem) = 0;
  virtual void run(const RotaryEmbedding& problem) = 0;
  virtual void run(const SwiGlu& problem) = 0;
  virtual void run(const ClampedSwiGlu& problem) = 0;
  virtual void run(const Gelu& problem) = 0;
  virtual void run(const Tanh& problem) = 0;
  virtual void run(const Scale& problem) = 0;
  virtual void run(const Route& problem) = 0;
  virtual void run(const ScatterAdd& problem) = 0;
  virtual void run(const GatherRows& problem) = 0;
  virtual void run(const ResidualAdd& problem) = 0;
  virtual void run(const EmbeddingLookup& problem) = 0;
  virtual void run(const KvAppend& problem) = 0;
  virtual void run(const Attention& problem) = 0;
  // Those of kernels/ops.cpp are made of the ops above, on the host.
  virtual void run(const Fill& problem);
  virtual void run(const JoinNorm& problem);
  virtual void run(const SortExperts& problem);
  virtual void run(const GroupedLinear& problem);
  virtual void run(const CombineExperts& problem);
  virtual void run(const Candidates& problem);
  // Side by side: problems of the same rows, none of which needs another's result.
  virtual void run(std::span<const Linear> problems);
  virtual void run(std::span<const PlaceHeads> problems);
  virtual void run(std::span<const Attention> problems);
  virtual void run(std::span<const SwiGlu> problems);
  virtual void run(std::span<const ClampedSwiGlu> problems);

 private:
  HostDevice host_;
  std::vector<float> gathered_;  // rows of one expert
};

struct OpsConfig {
  int threads = 1;                  // cpu
  int gpu = 0;                      // cuda: which of the node's
  MathMode math = MathMode::exact;
};

// The table of backends. `reference` is plain loops, what every other one is compared with; `cpu` is Highway.
struct OpsBackend {
  std::string_view name;
  std::string (*unavailable)();  // why not here; empty when it is available
  bool (*supports)(const WeightFormat& weight, MathMode math);
  std::unique_ptr<Ops> (*make)(const OpsConfig& config);
};
std::span<const OpsBackend> ops_backends();
const OpsBackend& ops_backend(std::string_view name);  // Error{invalid_argument} lists the names

}  // namespace yoke::kernels
