#include "node/step_check.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/units.h"
#include "node/sampler/adjust.h"

namespace yoke::node {
namespace {

using transport::proto::Sampling;
using transport::proto::StepEntry;

// What the OpenAI interface offers at most.
constexpr int kMaxAlternatives = 20;

[[noreturn]] void refuse(const StepEntry& entry, const char* field, const std::string& what) {
  throw Error{Code::invalid_argument, fmt::format("step: sequence {}: {}", entry.sequence(), what), field};
}

void check_input(const StepEntry& entry, const StepLimits& limits, const TokenMemory& memory) {
  if (entry.from_step() != 0) {
    const DrawnToken* drawn = memory.find(entry.sequence(), entry.from_step());
    if (entry.tokens_size() != 0) refuse(entry, "from_step", "tokens and from_step exclude each other");
    if (drawn == nullptr) refuse(entry, "from_step", fmt::format("no token was drawn in step {}", entry.from_step()));
    if (drawn->position != entry.start()) {
      refuse(entry, "start", fmt::format("the token drawn in step {} stands at {}, not at {}", entry.from_step(), drawn->position,
                                         entry.start()));
    }
  }
  for (const uint32_t token : entry.tokens()) {
    if (token >= limits.vocab) refuse(entry, "tokens", fmt::format("token {} of a vocabulary of {}", token, limits.vocab));
  }
  const int64_t end = entry.start() + rows_of(entry);
  if (end == entry.start()) refuse(entry, "tokens", "an entry without rows");
  if (end > limits.context) refuse(entry, "start", fmt::format("positions {}..{} of a context of {}", entry.start(), end, limits.context));
}

void check_blocks(const StepEntry& entry, const StepLimits& limits) {
  const int64_t needed = ceil_div(entry.start() + rows_of(entry), kKvBlockTokens);
  if (entry.blocks_size() < needed || entry.blocks_size() > ceil_div(limits.context, kKvBlockTokens)) {
    refuse(entry, "blocks", fmt::format("{} blocks for {} positions", entry.blocks_size(), entry.start() + rows_of(entry)));
  }
  for (const uint32_t block : entry.blocks()) {
    if (block >= limits.kv_blocks) refuse(entry, "blocks", fmt::format("block {} of {}", block, limits.kv_blocks));
  }
}

void check_logits(const StepEntry& entry, const StepLimits& limits) {
  int64_t last = -1;
  for (const uint32_t row : entry.logit_rows()) {
    if (row <= last || row >= rows_of(entry)) refuse(entry, "logit_rows", fmt::format("row {} of {} (ascending)", row, rows_of(entry)));
    last = row;
  }
  if (entry.prompt_logprobs() < -1 || entry.prompt_logprobs() > kMaxAlternatives) {
    refuse(entry, "prompt_logprobs", fmt::format("{} is not -1..{}", entry.prompt_logprobs(), kMaxAlternatives));
  }
  if (entry.prompt_logprobs() >= 0 && entry.next_token() >= limits.vocab) {
    refuse(entry, "next_token", fmt::format("token {} of a vocabulary of {}", entry.next_token(), limits.vocab));
  }
}

void check_tokens(const StepEntry& entry, const char* field, const google::protobuf::RepeatedField<uint32_t>& tokens, int64_t vocab) {
  for (const uint32_t token : tokens) {
    if (token >= vocab) refuse(entry, field, fmt::format("token {} of a vocabulary of {}", token, vocab));
  }
}

void check_sampling(const StepEntry& entry, const StepLimits& limits) {
  const Sampling& s = entry.sampling();
  const auto within = [&](const char* field, float value, float low, float high) {
    if (!(value >= low && value <= high)) refuse(entry, field, fmt::format("{} is not in [{}, {}]", value, low, high));
  };
  constexpr float kFinite = 1e30f;
  within("temperature", s.temperature(), 0, kFinite);
  within("top_p", s.top_p(), 0, 1);
  within("min_p", s.min_p(), 0, 1);
  within("presence_penalty", s.presence_penalty(), -kFinite, kFinite);
  within("frequency_penalty", s.frequency_penalty(), -kFinite, kFinite);
  within("repetition_penalty", s.repetition_penalty(), 1e-6f, kFinite);
  for (const float bias : s.bias_values()) within("bias_values", bias, -kFinite, kFinite);
  if (s.bias_tokens_size() != s.bias_values_size()) {
    refuse(entry, "bias_tokens", fmt::format("{} tokens, {} values", s.bias_tokens_size(), s.bias_values_size()));
  }
  if (s.logprobs() < -1 || s.logprobs() > kMaxAlternatives) {
    refuse(entry, "logprobs", fmt::format("{} is not -1..{}", s.logprobs(), kMaxAlternatives));
  }
  check_tokens(entry, "bias_tokens", s.bias_tokens(), limits.vocab);
  check_tokens(entry, "prompt_tokens", s.prompt_tokens(), limits.vocab);
  check_tokens(entry, "generated_tokens", s.generated_tokens(), limits.vocab);
}

// Generated tokens that the plan lacks must be those drawn here since. An entry that brings its own tokens brings them all.
void check_penalties(const StepEntry& entry, const TokenMemory& memory) {
  const int64_t known = entry.sampling().generated_tokens_size(), draw = entry.start() + rows_of(entry);
  const int64_t from = entry.from_step() == 0 ? draw - known : memory.generated_from(entry.sequence());
  if (from >= 0 && from + known <= draw && memory.remembers(entry.sequence(), from + known, draw)) return;
  refuse(entry, "generated_tokens",
         fmt::format("{} tokens known before position {}, and not all the later ones were drawn here", known, draw));
}

// An encoder reads a sequence whole, in one step.
void check_encoder(const StepEntry& entry, const StepLimits& limits) {
  if (entry.start() != 0 || entry.from_step() != 0) refuse(entry, "start", fmt::format("an encoder's sequence begins at 0, not at {}", entry.start()));
  if (entry.token_types_size() != 0 && entry.token_types_size() != entry.tokens_size()) {
    refuse(entry, "token_types", fmt::format("{} of them for {} tokens", entry.token_types_size(), entry.tokens_size()));
  }
  for (const uint32_t type : entry.token_types()) {
    if (type >= limits.token_types) refuse(entry, "token_types", fmt::format("type {} of {}", type, limits.token_types));
  }
}

}  // namespace

void check_entry(const StepEntry& entry, const StepLimits& limits, const TokenMemory& memory) {
  check_input(entry, limits, memory);
  check_blocks(entry, limits);
  check_logits(entry, limits);
  if (!limits.draws && (entry.sample() || entry.prompt_logprobs() >= 0)) refuse(entry, "sample", "this model gives states, not tokens");
  if (limits.encoder()) check_encoder(entry, limits);
  else if (entry.token_types_size() != 0) refuse(entry, "token_types", "this model has none");
  if (!entry.sample()) return;
  if (!memory.knows(entry.sequence()) && memory.full()) {
    refuse(entry, "sequence", fmt::format("{} live sequences are the most", TokenMemory::kMaxSequences));
  }
  check_sampling(entry, limits);
  if (sampler::has_penalties(entry.sampling())) check_penalties(entry, memory);
}

}  // namespace yoke::node
