// The rules of docs/bits.md on sampling in plain words over a whole vocabulary: what the sampler's shortcuts are compared with.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "node/sampler/candidates.h"
#include "node/sampler/row.h"

namespace yoke::node::sampler {

inline std::vector<float> reference_adjusted(std::vector<float> logits, const Sampling& s, std::span<const int32_t> later) {
  for (int i = 0; i < s.bias_tokens_size(); ++i) logits[s.bias_tokens(i)] += s.bias_values(i);
  std::map<int32_t, int> generated;
  std::map<int32_t, int> all;
  for (const uint32_t t : s.generated_tokens()) ++generated[static_cast<int32_t>(t)];
  for (const int32_t t : later) ++generated[t];
  all = generated;
  for (const uint32_t t : s.prompt_tokens()) ++all[static_cast<int32_t>(t)];
  for (const auto& [token, times] : all) {
    float& x = logits[static_cast<size_t>(token)];
    x = x > 0 ? x / s.repetition_penalty() : x * s.repetition_penalty();
  }
  for (const auto& [token, times] : generated) {
    float& x = logits[static_cast<size_t>(token)];
    x -= s.presence_penalty();
    x -= s.frequency_penalty() * static_cast<float>(times);
  }
  if (s.temperature() > 0) {
    for (float& x : logits) x /= s.temperature();
  }
  return logits;
}

// Ids that the filters keep, best first.
inline std::vector<int32_t> reference_kept(const std::vector<float>& values, const Sampling& s) {
  std::vector<int32_t> ids(values.size());
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i);
  const auto value = [&](int32_t id) { return static_cast<double>(values[static_cast<size_t>(id)]); };
  std::stable_sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) { return value(a) > value(b); });
  const double first = value(ids[0]);
  if (s.top_k() > 0 && s.top_k() < ids.size()) ids.resize(s.top_k());
  double total = 0, sum = 0;
  for (const int32_t id : ids) total += std::exp(value(id) - first);
  size_t n = 0;
  while (n < ids.size() && (n == 0 || s.top_p() >= 1 || sum < s.top_p() * total)) sum += std::exp(value(ids[n++]) - first);
  ids.resize(n);
  while (ids.size() > 1 && std::exp(value(ids.back()) - first) < s.min_p()) ids.pop_back();
  return ids;
}

inline int32_t reference_token(const std::vector<float>& logits, const RowRequest& request) {
  const Sampling& s = *request.sampling;
  const std::vector<float> values = reference_adjusted(logits, s, request.later);
  std::vector<int32_t> kept = reference_kept(values, s);
  if (s.temperature() == 0) return kept[0];
  std::sort(kept.begin(), kept.end());
  const Noise noise(s.seed(), s.choice(), request.position);
  int32_t best = kept[0];
  double best_score = -INFINITY;
  for (const int32_t id : kept) {
    const double score = static_cast<double>(values[static_cast<size_t>(id)]) + Noise::gumbel(noise.bits(id));
    if (score > best_score) best_score = score, best = id;
  }
  return best;
}

inline double reference_logprob(const std::vector<float>& logits, int32_t token) {
  const double max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x) - max);
  return static_cast<double>(logits[static_cast<size_t>(token)]) - max - std::log(sum);
}

}  // namespace yoke::node::sampler
