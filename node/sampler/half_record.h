// What one half of the vocabulary says about one row: all that ranks tell each other, instead of logits. Its size follows from
// the request alone, so both ranks know it before the exchange.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/units.h"
#include "node/sampler/candidates.h"
#include "node/sampler/log_sum_exp.h"
#include "node/sampler/row.h"

namespace yoke::node::sampler {

// How a token is drawn: which parts of the record decide.
enum class Road {
  none,        // nothing is drawn
  best,        // the greatest value, or the greatest with noise: no filter
  candidates,  // filters, decided from each half's best if they reach far enough
  whole,       // a top_k beyond the candidates
};
Road road_of(const RowRequest& request);

struct HalfRecord {
  Best best{0, -1};                     // Road::best
  float best_raw = 0;                   // its logit
  LogSumExp adjusted;                   // Road::candidates with a top_p over the whole vocabulary
  LogSumExp raw;                        // where log probabilities are wanted
  float prompt_raw = 0;                 // logit of request.prompt_token, from the half that has it
  std::vector<Candidate> candidates;    // Road::candidates
  std::vector<Candidate> alternatives;  // best by raw logit, for top_logprobs
};

size_t candidate_count(const RowRequest& request, Range half);
size_t alternative_count(const RowRequest& request, Range half);
size_t record_bytes(const RowRequest& request, Range half);

// Space that summarize() works in: a half's adjusted logits.
struct SummaryScratch {
  std::vector<float> adjusted;
};

// `raw` are the row's logits of tokens `half`. `counts` are the row's, where it has penalties.
void summarize(const RowRequest& request, Range half, std::span<const float> raw, const TokenCounts& counts,
               SummaryScratch& scratch, HalfRecord& record);

// record_bytes() bytes at `to`, resp. from `from`.
void write_record(const HalfRecord& record, std::byte* to);
void read_record(const RowRequest& request, Range half, const std::byte* from, HalfRecord& record);

}  // namespace yoke::node::sampler
