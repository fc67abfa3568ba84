#include "node/sampler/found.h"

#include "kernels/noise.h"
#include "node/sampler/filter.h"

namespace yoke::node::sampler {

static_assert(kHalfCandidates == kernels::kMostCandidates);

kernels::CandidateRequest candidates_for(const RowRequest& request) {
  const Road road = road_of(request);
  if ((road != Road::best && road != Road::candidates) || request.wants_logprobs() || request.wants_prompt()) return {};
  const Sampling& s = *request.sampling;
  if (s.bias_tokens_size() > 0 || has_penalties(s)) return {};
  if (greedy(s)) return {.mode = kernels::CandidateMode::greatest};
  if (road == Road::best) {
    return {.mode = kernels::CandidateMode::noisy, .temperature = s.temperature(), .key = kernels::Noise(s.seed(), s.choice(), request.position).key()};
  }
  return {.mode = kernels::CandidateMode::ordered,
          .count = s.top_k() > 0 ? static_cast<int32_t>(s.top_k()) : kernels::kMostCandidates,
          .temperature = s.temperature(),
          .wants_sum = total_matters(s)};
}

bool take_found(const RowRequest& request, Range half, const FoundHalf& found, HalfRecord& record) {
  if (found.summaries == nullptr || found.summaries->found == 0 || candidates_for(request).mode == kernels::CandidateMode::none) return false;
  const kernels::CandidateSummary& s = *found.summaries;
  record = {};
  if (road_of(request) == Road::best) {
    record.best = {s.score, s.token};
    record.best_raw = s.raw;
    return true;
  }
  record.adjusted = {s.max, s.sum};
  record.candidates.assign(found.best, found.best + candidate_count(request, half));
  return true;
}

}  // namespace yoke::node::sampler
