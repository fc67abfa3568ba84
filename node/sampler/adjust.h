// What a request does to a row of logits before a token is chosen, in the order of docs/bits.md rule 7: logit_bias, penalties,
// temperature. Every change is a token's own, so halves of the vocabulary are adjusted apart.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/units.h"
#include "transport/control/control.pb.h"

namespace yoke::node::sampler {

using transport::proto::Sampling;

// Below this temperature the noise decides nothing: the best token is taken, as vLLM does.
inline constexpr float kLeastTemperature = 1e-5f;

inline bool greedy(const Sampling& s) { return s.temperature() < kLeastTemperature; }
inline bool has_penalties(const Sampling& s) {
  return s.repetition_penalty() != 1.0f || s.presence_penalty() != 0.0f || s.frequency_penalty() != 0.0f;
}

// How often each token was generated, and which ones the prompt has. Kept from row to row so that nothing is allocated.
class TokenCounts {
 public:
  explicit TokenCounts(int64_t vocab) : generated_(static_cast<size_t>(vocab)), seen_(static_cast<size_t>(vocab)) {}

  // `later`: tokens that this engine drew and the coordinator did not know of yet.
  void assign(const Sampling& sampling, std::span<const int32_t> later);

  std::span<const int32_t> tokens() const { return tokens_; }  // all that are counted, once each
  int32_t generated(int32_t token) const { return generated_[static_cast<size_t>(token)]; }

 private:
  void see(int32_t token);

  std::vector<int32_t> generated_;
  std::vector<uint8_t> seen_;
  std::vector<int32_t> tokens_;
};

// `logits` are those of tokens `range`. `counts` is read only if the request has penalties.
// Repetition (Keskar et al. 2019, as vLLM): logit / r if positive, else logit * r, for tokens of the prompt and generated ones.
// Presence and frequency (OpenAI): logit - presence - frequency * count, for generated ones.
void adjust(std::span<float> logits, Range range, const Sampling& sampling, const TokenCounts& counts);

}  // namespace yoke::node::sampler
