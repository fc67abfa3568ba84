#include "node/sampler/adjust.h"

namespace yoke::node::sampler {
namespace {

void add_bias(std::span<float> logits, Range range, const Sampling& s) {
  for (int i = 0; i < s.bias_tokens_size(); ++i) {
    if (range.contains(s.bias_tokens(i))) logits[s.bias_tokens(i) - static_cast<size_t>(range.begin)] += s.bias_values(i);
  }
}

void penalize(std::span<float> logits, Range range, const Sampling& s, const TokenCounts& counts) {
  for (const int32_t token : counts.tokens()) {
    if (!range.contains(token)) continue;
    float& logit = logits[static_cast<size_t>(token - range.begin)];
    logit = logit > 0 ? logit / s.repetition_penalty() : logit * s.repetition_penalty();
    const int32_t count = counts.generated(token);
    if (count == 0) continue;
    logit -= s.presence_penalty();
    logit -= s.frequency_penalty() * static_cast<float>(count);
  }
}

}  // namespace

void TokenCounts::see(int32_t token) {
  uint8_t& seen = seen_[static_cast<size_t>(token)];
  if (seen == 0) tokens_.push_back(token);
  seen = 1;
}

void TokenCounts::assign(const Sampling& sampling, std::span<const int32_t> later) {
  for (const int32_t token : tokens_) {
    generated_[static_cast<size_t>(token)] = 0;
    seen_[static_cast<size_t>(token)] = 0;
  }
  tokens_.clear();
  const auto generate = [&](int32_t token) {
    see(token);
    ++generated_[static_cast<size_t>(token)];
  };
  for (const uint32_t token : sampling.prompt_tokens()) see(static_cast<int32_t>(token));
  for (const uint32_t token : sampling.generated_tokens()) generate(static_cast<int32_t>(token));
  for (const int32_t token : later) generate(token);
}

void adjust(std::span<float> logits, Range range, const Sampling& sampling, const TokenCounts& counts) {
  add_bias(logits, range, sampling);
  if (has_penalties(sampling)) penalize(logits, range, sampling, counts);
  if (greedy(sampling) || sampling.temperature() == 1.0f) return;
  const float temperature = sampling.temperature();
  for (float& logit : logits) logit /= temperature;
}

}  // namespace yoke::node::sampler
