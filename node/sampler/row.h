// What is asked of one row of logits, and what is answered.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "node/sampler/adjust.h"

namespace yoke::node::sampler {

struct RowRequest {
  const Sampling* sampling = nullptr;    // null: no token is drawn
  int64_t position = 0;                  // absolute, of the drawn token
  std::span<const int32_t> later;        // tokens that this engine drew and sampling->generated_tokens lacks
  int prompt_alternatives = -1;          // -1: no prompt log probability is wanted of this row
  int32_t prompt_token = -1;             // the token whose it is

  bool wants_prompt() const { return prompt_alternatives >= 0 && prompt_token >= 0; }
  bool wants_logprobs() const { return sampling != nullptr && sampling->logprobs() >= 0; }
  bool idle() const { return sampling == nullptr && !wants_prompt(); }
};

struct Logprob {
  int32_t token = -1;
  float logprob = 0;
};

struct LogprobAnswer {
  Logprob of;
  std::vector<Logprob> top;
};

struct RowAnswer {
  int32_t token = -1;                    // drawn; -1 if none was asked for
  std::optional<LogprobAnswer> drawn;    // where sampling asks for log probabilities
  std::optional<LogprobAnswer> prompt;
};

}  // namespace yoke::node::sampler
