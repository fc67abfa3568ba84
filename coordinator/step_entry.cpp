#include "coordinator/step_entry.h"

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "core/units.h"

namespace yoke::coordinator {
namespace {

namespace proto = transport::proto;

void fill_input(const Sequence& sequence, const PlannedRows& rows, proto::StepEntry& entry) {
  entry.set_start(static_cast<uint32_t>(rows.start));
  entry.set_from_step(rows.from_step);
  if (rows.from_step != 0) return;
  const auto& tokens = sequence.tokens();
  YOKE_ASSERT(rows.start + rows.rows <= static_cast<int64_t>(tokens.size()));
  for (int64_t i = 0; i < rows.rows; ++i) entry.add_tokens(static_cast<uint32_t>(tokens[static_cast<size_t>(rows.start + i)]));
  const LogitsRequest* request = sequence.logits();
  if (request == nullptr || request->token_types.empty()) return;
  for (int64_t i = 0; i < rows.rows; ++i) {
    entry.add_token_types(static_cast<uint32_t>(request->token_types[static_cast<size_t>(rows.start + i)]));
  }
}

// Every penalty looks at what was generated, and the repetition penalty at the prompt too: each token once.
void fill_penalties(const Sequence& sequence, const SamplingParams& params, proto::Sampling& sampling) {
  const bool repetition = params.repetition_penalty != 1.0f;
  if (!repetition && params.presence_penalty == 0 && params.frequency_penalty == 0) return;
  const auto& tokens = sequence.tokens();
  const auto prompt_end = tokens.begin() + sequence.prompt_size();
  for (auto token = prompt_end; token != tokens.end(); ++token) sampling.add_generated_tokens(static_cast<uint32_t>(*token));
  if (!repetition) return;
  std::vector<TokenId> prompt(tokens.begin(), prompt_end);
  std::ranges::sort(prompt);
  prompt.erase(std::ranges::unique(prompt).begin(), prompt.end());
  for (const TokenId token : prompt) sampling.add_prompt_tokens(static_cast<uint32_t>(token));
}

void fill_sampling(const Sequence& sequence, const SamplingParams& params, proto::Sampling& sampling) {
  sampling.set_temperature(params.temperature);
  sampling.set_top_p(params.top_p);
  sampling.set_min_p(params.min_p);
  sampling.set_top_k(static_cast<uint32_t>(params.top_k));
  sampling.set_seed(params.seed);
  sampling.set_choice(static_cast<uint32_t>(params.choice));
  sampling.set_presence_penalty(params.presence_penalty);
  sampling.set_frequency_penalty(params.frequency_penalty);
  sampling.set_repetition_penalty(params.repetition_penalty);
  sampling.set_logprobs(params.logprobs);
  for (const auto& [token, bias] : params.logit_bias) {
    sampling.add_bias_tokens(static_cast<uint32_t>(token));
    sampling.add_bias_values(bias);
  }
  fill_penalties(sequence, params, sampling);
}

}  // namespace

void fill_entry(const Sequence& sequence, const PlannedRows& rows, const std::vector<int64_t>& logit_positions,
                proto::StepEntry& entry) {
  entry.set_sequence(sequence.id());
  fill_input(sequence, rows, entry);
  const int64_t blocks = ceil_div(rows.start + rows.rows, kKvBlockTokens);
  for (int64_t i = 0; i < blocks; ++i) entry.add_blocks(sequence.blocks()[static_cast<size_t>(i)]);
  for (const int64_t position : logit_positions) entry.add_logit_rows(static_cast<uint32_t>(position - rows.start));
  entry.set_prompt_logprobs(-1);
  entry.set_next_token(-1);
  if (const GenerateRequest* request = sequence.generation()) {
    if (sequence.wants_prompt_logprobs()) {
      entry.set_prompt_logprobs(request->prompt_logprobs);
      const auto next = static_cast<size_t>(rows.start + rows.rows);
      if (next < sequence.tokens().size()) entry.set_next_token(sequence.tokens()[next]);
    }
    entry.set_sample(sequence.samples(rows));
    if (entry.sample()) fill_sampling(sequence, request->sampling, *entry.mutable_sampling());
  }
}

}  // namespace yoke::coordinator
