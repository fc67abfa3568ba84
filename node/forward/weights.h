// Where a rank's weights lie in the pool. Const after construction; the engine's thread.
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

// One canonical half of one layer (docs/bits.md rule 3). A bias that the model, or this half, does not have is null.
struct HalfWeights {
  int64_t heads = 0, kv_heads = 0, features = 0;
  kernels::PackedMatrix q, k, v;    // [heads or kv_heads * head_dim, hidden]
  kernels::PackedMatrix o;          // [hidden, heads * head_dim]
  kernels::PackedMatrix gate, up;   // [features, hidden]
  kernels::PackedMatrix down;       // [hidden, features]
  const float *q_bias = nullptr, *k_bias = nullptr, *v_bias = nullptr, *o_bias = nullptr;
  const float *gate_bias = nullptr, *up_bias = nullptr, *down_bias = nullptr;
  kernels::KvCacheView cache;
};

struct LayerWeights {
  const float* attn_norm = nullptr;  // [hidden]
  const float* mlp_norm = nullptr;   // [hidden]
  std::array<HalfWeights, 2> half;   // those that the rank holds
};

struct Weights {
  // Error{bad_file} names the region of the pool that is missing or has another shape than the plan says.
  Weights(const model::ModelConfig& config, const parallel::Plan& plan, int rank, const Pool& pool, const KvCache& cache);

  std::vector<LayerWeights> layers;                  // of this stage
  std::array<kernels::PackedMatrix, 2> embedding{};  // [vocab half, hidden]; first stage
  std::array<kernels::PackedMatrix, 2> head{};       // [vocab half, hidden]; last stage
  const float* final_norm = nullptr;                 // [hidden]; last stage
  const float* rope_freqs = nullptr;                 // [head_dim / 2], or null
};

}  // namespace yoke::node::forward
