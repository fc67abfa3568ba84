// A request as the scheduler knows it: no JSON, no HTTP. api/ makes it, service.h takes it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"

namespace yoke::coordinator {

using TokenId = int32_t;

// docs/bits.md rule 7 gives the order in which these act.
struct SamplingParams {
  float temperature = 1.0f;  // 0: greedy
  float top_p = 1.0f;
  float min_p = 0.0f;
  int top_k = 0;             // 0: off
  uint64_t seed = 0;         // the api fills in a drawn one where the client gave none
  int choice = 0;            // 0 .. n-1: part of the noise
  float presence_penalty = 0.0f;
  float frequency_penalty = 0.0f;
  float repetition_penalty = 1.0f;
  std::vector<std::pair<TokenId, float>> logit_bias;
  int logprobs = -1;         // -1: none; else the number of alternatives, 0..20
};

struct GenerateRequest {
  std::string id;                       // for logs
  std::vector<TokenId> prompt;          // at least one token
  SamplingParams sampling;
  int64_t max_tokens = 0;               // 0 with prompt_logprobs: only the prompt is wanted
  std::vector<TokenId> end_tokens;      // finish with FinishReason::stop; empty with ignore_eos
  int prompt_logprobs = -1;             // -1: none; else alternatives per prompt token (echo + logprobs)
};

struct Logprob {
  TokenId token = 0;
  float logprob = 0;
};

struct TokenEvent {
  TokenId token = 0;
  float logprob = 0;                    // of the raw logits; 0 unless asked for
  std::vector<Logprob> top;
};

struct PromptLogprob {                  // of prompt[i + 1] given prompt[0..i]
  float logprob = 0;
  std::vector<Logprob> top;
};

enum class FinishReason { stop, length, cancelled, error };

// What the last layer makes of given tokens: raw logits, f32 rows of the whole vocabulary; of an encoder, rows of its output width
// (model/config.h), its sequence whole in one step.
struct LogitsRequest {
  std::string id;
  std::vector<TokenId> tokens;
  std::vector<int32_t> token_types;     // encoders: one a token; none: all 0
  std::vector<int64_t> rows;            // ascending positions whose rows are wanted
  // Decoders only.
  int64_t prefill = 0;                  // the first `prefill` tokens go in as a prompt (chunked), each later one as a decode step
  int64_t chunk = 0;                    // prefill chunk; 0: the scheduler's own
};

}  // namespace yoke::coordinator
