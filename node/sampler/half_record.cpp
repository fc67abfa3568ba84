#include "node/sampler/half_record.h"

#include <algorithm>
#include <cstring>

#include "node/sampler/filter.h"

namespace yoke::node::sampler {
namespace {

// Without padding: what goes over the wire is all written.
struct Fixed {
  double best_score, adjusted_sum, raw_sum;
  float adjusted_max, raw_max, best_raw, prompt_raw;
  int32_t best_token, unused;
};
static_assert(sizeof(Fixed) == 3 * sizeof(double) + 6 * sizeof(float));

bool wants_raw_sum(const RowRequest& request) { return request.wants_logprobs() || request.wants_prompt(); }

// The row as the request changes it; the raw one where it changes nothing.
std::span<const float> adjusted_values(const RowRequest& request, Range half, std::span<const float> raw, const TokenCounts& counts,
                                       SummaryScratch& scratch) {
  const Sampling& s = *request.sampling;
  const bool unchanged = s.bias_tokens_size() == 0 && !has_penalties(s) && (greedy(s) || s.temperature() == 1.0f);
  if (unchanged) return raw;
  scratch.adjusted.assign(raw.begin(), raw.end());
  adjust(scratch.adjusted, half, s, counts);
  return scratch.adjusted;
}

void summarize_draw(const RowRequest& request, Range half, std::span<const float> raw, std::span<const float> values,
                    HalfRecord& record) {
  const Sampling& s = *request.sampling;
  const int32_t first = static_cast<int32_t>(half.begin);
  switch (road_of(request)) {
    case Road::none: case Road::whole: return;
    case Road::best:
      record.best = greedy(s) ? best_value(values, first) : best_with_noise(values, first, {s.seed(), s.choice(), request.position});
      if (record.best.token >= 0) record.best_raw = raw[static_cast<size_t>(record.best.token - first)];
      return;
    case Road::candidates:
      if (total_matters(s)) record.adjusted = log_sum_exp(values);
      best_candidates(values, raw, first, candidate_count(request, half), record.candidates);
      return;
  }
}

std::byte* put(std::byte* to, const std::vector<Candidate>& list) {
  if (!list.empty()) std::memcpy(to, list.data(), list.size() * sizeof(Candidate));
  return to + list.size() * sizeof(Candidate);
}

const std::byte* get(const std::byte* from, size_t count, std::vector<Candidate>& list) {
  list.resize(count);
  if (count > 0) std::memcpy(list.data(), from, count * sizeof(Candidate));
  return from + count * sizeof(Candidate);
}

}  // namespace

Road road_of(const RowRequest& request) {
  if (request.sampling == nullptr) return Road::none;
  const Sampling& s = *request.sampling;
  if (greedy(s) || !has_filters(s)) return Road::best;
  return s.top_k() > kHalfCandidates ? Road::whole : Road::candidates;
}

size_t candidate_count(const RowRequest& request, Range half) {
  if (road_of(request) != Road::candidates) return 0;
  const int64_t top_k = request.sampling->top_k();
  return static_cast<size_t>(std::min(half.size(), top_k > 0 ? top_k : kHalfCandidates));
}

size_t alternative_count(const RowRequest& request, Range half) {
  const int drawn = request.wants_logprobs() ? request.sampling->logprobs() : 0;
  const int prompt = request.wants_prompt() ? request.prompt_alternatives : 0;
  return static_cast<size_t>(std::min<int64_t>(half.size(), std::max(drawn, prompt)));
}

size_t record_bytes(const RowRequest& request, Range half) {
  if (request.idle()) return 0;
  return sizeof(Fixed) + (candidate_count(request, half) + alternative_count(request, half)) * sizeof(Candidate);
}

void summarize(const RowRequest& request, Range half, std::span<const float> raw, const TokenCounts& counts,
               SummaryScratch& scratch, HalfRecord& record) {
  record.best = {0, -1};
  record.best_raw = record.prompt_raw = 0;
  record.adjusted = record.raw = {};
  record.candidates.clear();
  record.alternatives.clear();
  const Road road = road_of(request);
  if (road == Road::best || road == Road::candidates) {
    summarize_draw(request, half, raw, adjusted_values(request, half, raw, counts, scratch), record);
  }
  if (wants_raw_sum(request)) record.raw = log_sum_exp(raw);
  best_candidates(raw, raw, static_cast<int32_t>(half.begin), alternative_count(request, half), record.alternatives);
  if (request.wants_prompt() && half.contains(request.prompt_token)) {
    record.prompt_raw = raw[static_cast<size_t>(request.prompt_token - half.begin)];
  }
}

void write_record(const HalfRecord& record, std::byte* to) {
  const Fixed fixed{.best_score = record.best.score,
                    .adjusted_sum = record.adjusted.sum,
                    .raw_sum = record.raw.sum,
                    .adjusted_max = record.adjusted.max,
                    .raw_max = record.raw.max,
                    .best_raw = record.best_raw,
                    .prompt_raw = record.prompt_raw,
                    .best_token = record.best.token};
  std::memcpy(to, &fixed, sizeof(fixed));
  put(put(to + sizeof(fixed), record.candidates), record.alternatives);
}

void read_record(const RowRequest& request, Range half, const std::byte* from, HalfRecord& record) {
  Fixed fixed;
  std::memcpy(&fixed, from, sizeof(fixed));
  record.best = {fixed.best_score, fixed.best_token};
  record.best_raw = fixed.best_raw;
  record.adjusted = {fixed.adjusted_max, fixed.adjusted_sum};
  record.raw = {fixed.raw_max, fixed.raw_sum};
  record.prompt_raw = fixed.prompt_raw;
  from = get(from + sizeof(fixed), candidate_count(request, half), record.candidates);
  get(from, alternative_count(request, half), record.alternatives);
}

}  // namespace yoke::node::sampler
