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

  float* x;                         // [rows, hidden]          the residual
  float* normed;                    // [rows, hidden]
  float* q;                         // [rows, heads * head_dim]     of one half
  float* k;                         // [rows, kv_heads * head_dim]  of one half
  float* v;                         // [rows, kv_heads * head_dim]  of one half
  float* mixed;                     // [rows, heads * head_dim]     attention's output of one half
  float* gate;                      // [rows, features]        of one half
  float* up;                        // [rows, features]        of one half
  std::array<float*, 2> sum;        // [rows, hidden]          what a half adds to the residual
  float* cos;                       // [rows, head_dim / 2]
  float* sin;                       // [rows, head_dim / 2]
  std::array<float*, 2> logits{};   // [kHeadRows, vocab half] last stage; null for a half that the rank does not hold
  std::vector<int32_t> owned_rows;  // embedding: rows of w that a half gives

 private:
  struct Free {
    void operator()(float* data) const;
  };
  std::unique_ptr<float, Free> memory_;
};

}  // namespace yoke::node::forward
