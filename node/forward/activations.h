// The engine's scratch: every intermediate of a step, taken once for max_rows rows. A step allocates nothing. Nothing here
// outlives a step.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/ops.h"
#include "model/config.h"
#include "parallel/plan.h"

namespace yoke::node::forward {

// Rows whose logits are computed at once: what bounds the logits' memory. A decode step of 64 sequences reads the head's
// weights once; a prompt whose every row is wanted goes in tiles.
inline constexpr int64_t kHeadRows = 64;

struct Activations {
  Activations(const model::ModelConfig& config, const parallel::Plan& plan, int rank, int64_t max_rows, kernels::Device& device);

  int64_t rows;                   // room for so many
  float* x;                       // [rows, hidden]  the residual
  float* normed;                  // [rows, hidden]
  // Of each half; a half that the rank does not hold has none.
  std::array<float*, 2> q{};      // [rows, heads * head_dim]
  std::array<float*, 2> k{};      // [rows, kv_heads * head_dim]
  std::array<float*, 2> v{};      // [rows, kv_heads * value_dim]
  std::array<float*, 2> mixed{};  // [rows, heads * value_dim]   attention's output
  std::array<float*, 2> gate{};   // [rows, features], or of experts [rows * top_k, expert features]
  std::array<float*, 2> up{};     // likewise
  std::array<float*, 2> sum{};    // [rows, hidden]  what a half adds to the residual; both, one receives the other rank's.
                                  // The host's too where ranks add on the host
  float* squares;                 // [2 halves, rows, 2]  sums of squares of q and of k: norms that span ranks
  float* mlp_part = nullptr;      // [rows, hidden]                    one half's MLP beside its attention (parallel blocks)
  // MLA
  float* q_latent = nullptr;      // [rows, q_rank]
  float* kv_latent = nullptr;     // [rows, kv_rank + rope]
  float* q_heads = nullptr;       // [rows, heads * (nope + rope)]     of one half, before its key's up projection is absorbed
  float* values = nullptr;        // [rows, heads * value]             of one half, after its value's up projection
  // Mixture of experts; pairs are rows * top_k.
  float* router = nullptr;        // [rows, experts]
  float* expert_y = nullptr;      // [pairs, hidden], or of shared experts [rows, hidden]
  float* weights = nullptr;       // [rows, top_k]
  int32_t* chosen = nullptr;      // [rows, top_k]
  int32_t* offsets = nullptr;     // [experts + 1]
  int32_t* slots = nullptr;       // [pairs]
  int32_t* places = nullptr;      // [pairs]

  // What the host writes or reads between ops.
  float* packed;                  // [rows, hidden]  embeddings on their way to x
  float* wire;                    // [rows, hidden]  x as stages send it: x itself on the host, else packed
  float* cos;                     // [rows, rope dims / 2]
  float* sin;                     // [rows, rope dims / 2]
  int32_t* indices;               // [2 * rows]      rows that a lookup or a gather takes
  int32_t* head_rows;             // [kHeadRows]
  kernels::RowPlace* row_places;  // [rows]
  std::array<float*, 2> logits{}; // [kHeadRows, vocab half]           last stage; null for a half that the rank does not hold
  // Last stage of a GPU: what is asked of the rows of logits, and what is found.
  kernels::CandidateRequest* candidate_requests = nullptr;        // [kHeadRows]
  std::array<kernels::CandidateSummary*, 2> candidate_summaries{};  // [kHeadRows]
  std::array<kernels::Candidate*, 2> candidates{};                // [kHeadRows, kMostCandidates]
};

}  // namespace yoke::node::forward
