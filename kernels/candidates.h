// What one slice of the vocabulary says about a row of logits, so that nobody reads them all: the op Candidates of kernels/ops.h.
// The structs lie in memory that host and device share.
//
// A token's value is its logit / temperature, rounded once. Tokens are ordered by value, the greater first, -0 and +0 alike, and of
// equal ones the lower id first.
#pragma once

#include <cstdint>

#include "core/units.h"

namespace yoke::kernels {

inline constexpr int32_t kMostCandidates = 256;
// Sums of exponentials: spans of so many tokens of the slice.
inline constexpr int64_t kSumSpan = 1024;

enum class CandidateMode : uint32_t {
  none,      // nothing is asked of the row: its answer is undefined
  greatest,  // the first token of the order
  noisy,     // the token with the greatest value + Noise(key).gumbel, in f64; of equal ones the lower id
  ordered,   // the first `count` tokens of the order
};

struct CandidateRequest {
  CandidateMode mode = CandidateMode::none;
  int32_t count = 0;        // ordered: 1 .. kMostCandidates
  float temperature = 1;    // > 0
  uint32_t wants_sum = 0;   // ordered: not 0 for `max` and `sum`
  uint64_t key = 0;         // noisy: Noise::key()
};

struct Candidate {
  float value;  // adjusted logit: what decides
  float raw;    // the model's logit: what log probabilities are of
  int32_t token;
};

struct CandidateSummary {
  double score;   // greatest, noisy: what the token scored; -inf of an empty slice
  double sum;     // wants_sum: the sum of exp_f32(value - max), in f64: in each span lane i % 16 of token i, ascending, the tree of
                  // RmsNorm, the spans' sums in ascending order from +0
  float max;      // wants_sum: the greatest value; a zero is +0; -inf of an empty slice
  float raw;      // greatest, noisy: the token's logit; 0 of an empty slice
  int32_t token;  // greatest, noisy: its id; -1 of an empty slice
  uint32_t found; // 0: a value is NaN or +inf, or all are -inf: nothing else here holds
};

struct CandidateSlice {
  const float* logits;           // [rows, tokens.size()], dense
  Range tokens;
  CandidateSummary* summaries;   // [rows]
  Candidate* best;               // [rows, kMostCandidates]: of mode ordered the first min(count, tokens.size())
};

}  // namespace yoke::kernels
