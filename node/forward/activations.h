// The engine's scratch: every intermediate of a step, taken once for max_rows rows. A step allocates nothing. Nothing here
// outlives a step.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "model/config.h"
#include "parallel/plan.h"

namespace yoke::node::forward {

// Rows whose logits are computed at once: what bounds the logits' memory. A decode step of 64 sequences reads the head's
// weights once; a prompt whose every row is wanted goes in tiles.
inline constexpr int64_t kHeadRows = 64;

struct Activations {
  Activations(const model::ModelConfig& config, const parallel::Plan& plan, int rank, int64_t max_rows);

  float* x;                       // [rows, hidden]  the residual
  float* normed;                  // [rows, hidden]
  // Of each half; a half that the rank does not hold has none.
  std::array<float*, 2> q{};      // [rows, heads * head_dim]
  std::array<float*, 2> k{};      // [rows, kv_heads * head_dim]
  std::array<float*, 2> v{};      // [rows, kv_heads * value_dim]
  std::array<float*, 2> sum{};    // [rows, hidden]  what a half adds to the residual; both, one receives the other rank's
  float* squares;                 // [2 halves, rows, 2]  sums of squares of q and of k: norms that span ranks
  float* mixed;                   // [rows, heads * value_dim]         attention's output of one half
  float* gate;                    // [rows, features]                  of one half
  float* up;                      // [rows, features]                  of one half
  float* cos;                     // [rows, rope dims / 2]
  float* sin;                     // [rows, rope dims / 2]
  std::array<float*, 2> logits{}; // [kHeadRows, vocab half]           last stage; null for a half that the rank does not hold
  float* mlp_part = nullptr;      // [rows, hidden]                    one half's MLP beside its attention (parallel blocks)
  // MLA
  float* q_latent = nullptr;      // [rows, q_rank]
  float* kv_latent = nullptr;     // [rows, kv_rank + rope]
  float* q_heads = nullptr;       // [rows, heads * (nope + rope)]     of one half, before its key's up projection is absorbed
  float* values = nullptr;        // [rows, heads * value]             of one half, after its value's up projection
  // Mixture of experts
  float* router = nullptr;        // [rows, experts]
  float* expert_x = nullptr;      // [rows, hidden]   the rows of one expert
  float* expert_y = nullptr;      // [rows, hidden]
  std::vector<int32_t> chosen;    // [rows, top_k]
  std::vector<float> weights;     // [rows, top_k]
  std::vector<int32_t> expert_rows;
  std::vector<float> expert_weights;

  std::vector<int32_t> owned_rows;  // embedding: rows of w that a half gives

 private:
  struct Free {
    void operator()(float* data) const;
  };
  std::unique_ptr<float, Free> memory_;
};

}  // namespace yoke::node::forward
