// Tokens in the order of their values: greater first, and of equal ones the lower id first (docs/bits.md rule 7). A NaN counts as
// -inf: a broken model must not break the order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/candidates.h"
#include "kernels/noise.h"

namespace yoke::node::sampler {

using kernels::Candidate;
using kernels::Noise;

inline bool before(const Candidate& a, const Candidate& b) { return a.value > b.value || (a.value == b.value && a.token < b.token); }

// The best token with what it scored; token is -1 of no tokens at all.
struct Best {
  double score;
  int32_t token;
};

inline bool before(const Best& a, const Best& b) {
  if (a.token < 0 || b.token < 0) return b.token < 0 && a.token >= 0;
  return a.score > b.score || (a.score == b.score && a.token < b.token);
}

// -inf of no values. NaN is passed over; of zeros it is +0.
float greatest(std::span<const float> values);

// Over tokens first_token .. first_token + values.size() - 1.
Best best_value(std::span<const float> values, int32_t first_token);
Best best_with_noise(std::span<const float> values, int32_t first_token, const Noise& noise);

// The `count` best of them in order; fewer if there are fewer. `raw` are the same tokens' logits.
void best_candidates(std::span<const float> values, std::span<const float> raw, int32_t first_token, size_t count,
                     std::vector<Candidate>& best);

}  // namespace yoke::node::sampler
