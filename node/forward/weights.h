// Where a rank's weights lie in the pool. Const after construction; the engine's thread. A matrix or vector that the model, or
// this half, does not have is empty or null.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "kernels/ops.h"
#include "model/config.h"
#include "node/kv_cache.h"
#include "node/pool.h"
#include "parallel/plan.h"

namespace yoke::node::forward {

// A gated or plain MLP: a dense layer's, the shared experts' together.
struct MlpWeights {
  kernels::PackedMatrix gate, up;  // [features, hidden]; no gate in a plain one
  kernels::PackedMatrix down;      // [hidden, features]
  const float *gate_bias = nullptr, *up_bias = nullptr, *down_bias = nullptr;
  int64_t features() const { return up.rows(); }
};

// One matrix of every expert of a half, of one shape and format.
struct ExpertMatrices {
  std::vector<kernels::PackedMatrix> matrices;
  std::vector<const float*> biases;  // one an expert, or none
};
struct ExpertWeights {
  ExpertMatrices gate, up, down;  // as MlpWeights'
  int64_t features() const { return up.matrices.empty() ? 0 : up.matrices.front().rows(); }
};

// One canonical half of one layer (docs/bits.md rule 3).
struct HalfWeights {
  int64_t heads = 0, kv_heads = 0;
  kernels::PackedMatrix q, k, v;    // [heads or kv_heads * head_dim, hidden]
  kernels::PackedMatrix o;          // [hidden, heads * value_dim]
  const float *q_bias = nullptr, *k_bias = nullptr, *v_bias = nullptr, *o_bias = nullptr;
  const float *q_norm = nullptr, *k_norm = nullptr;
  const float* sinks = nullptr;     // [heads]
  kernels::PackedMatrix q_b;        // MLA: [heads * (nope + rope), q_rank]
  kernels::PackedMatrix kv_b;       // MLA: [heads * (nope + value), kv_rank]
  MlpWeights mlp;                   // of a dense layer
  Range expert_range;               // whose sum this half makes
  ExpertWeights experts;
  MlpWeights shared;
  kernels::KvCacheView cache;
};

struct NormWeights {
  const float* w = nullptr;     // [hidden]
  const float* bias = nullptr;  // [hidden]; a mean-subtracting norm may have one
};

struct LayerWeights {
  model::LayerKind kind;
  bool shared_kv = false;            // both halves read half 0's keys and values
  NormWeights attn_norm, mlp_norm;
  kernels::PackedMatrix q_a, kv_a;   // MLA: [q_rank, hidden], [kv_rank + rope, hidden]
  const float *q_a_norm = nullptr, *kv_a_norm = nullptr;
  kernels::PackedMatrix router;      // [experts, hidden]
  const float *router_bias = nullptr, *router_correction = nullptr;
  std::array<HalfWeights, 2> half;   // those that the rank holds
};

// What an encoder's first and last stage have besides.
struct EncoderWeights {
  kernels::PackedMatrix positions;    // [positions, hidden]
  kernels::PackedMatrix token_types;  // [token types, hidden]
  NormWeights embedding_norm;
  kernels::PackedMatrix pooler;       // [hidden, hidden]
  kernels::PackedMatrix classifier;   // [labels, hidden]
  const float *pooler_bias = nullptr, *classifier_bias = nullptr;
};

struct Weights {
  // Error{bad_file} names the region of the pool that is missing or has another shape than the plan says.
  Weights(const model::ModelConfig& config, const parallel::Plan& plan, int rank, const Pool& pool, const KvCache& cache);

  std::vector<LayerWeights> layers;                  // of this stage
  std::array<kernels::PackedMatrix, 2> embedding{};  // [vocab half, hidden]; first stage
  std::array<kernels::PackedMatrix, 2> head{};       // [vocab half, hidden]; last stage
  NormWeights final_norm;                            // last stage
  const float* rope_freqs = nullptr;                 // [rope dims / 2], or null
  EncoderWeights encoder;
};

}  // namespace yoke::node::forward
