// top_k, top_p and min_p, in this order, then the noise: the choice among tokens given in the order of their values.
//
// top_k keeps the k first. top_p keeps, of those, the shortest beginning whose probabilities (among what top_k kept) sum to at
// least p. min_p keeps those that are at least min_p times as probable as the first. Each keeps a beginning of the order, so a
// walk from the front that stops at the first of them is all there is.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "node/sampler/adjust.h"
#include "node/sampler/candidates.h"

namespace yoke::node::sampler {

// Best tokens of each half that ranks tell each other without being asked for more.
inline constexpr int64_t kHalfCandidates = 256;

inline bool has_filters(const Sampling& s) { return s.top_k() > 0 || s.top_p() < 1.0f || s.min_p() > 0.0f; }

// Candidates in order, one at a time.
class Ordered {
 public:
  enum class Next { candidate, end, unknown };
  virtual ~Ordered() = default;
  virtual Next next(Candidate& candidate) = 0;
};

// Two halves' best, merged. Unknown from where an unseen token of a half could come next.
class MergedHalves : public Ordered {
 public:
  struct Half {
    std::span<const Candidate> best;
    bool complete;  // the half has no other tokens
  };
  MergedHalves(Half h0, Half h1) : halves_{h0, h1} {}
  Next next(Candidate& candidate) override;

 private:
  Half halves_[2];
};

// The whole vocabulary, as a heap: sorted only as far as somebody walks. Reorders `candidates`.
class WholeVocabulary : public Ordered {
 public:
  explicit WholeVocabulary(std::span<Candidate> candidates);
  Next next(Candidate& candidate) override;

 private:
  std::span<Candidate> heap_;
};

// The tokens that the filters keep, in order; false if `tokens` ended unknown before that is certain. `total` is the sum over
// the whole vocabulary of exp(adjusted value - the greatest one); read only where total_matters().
bool keep(Ordered& tokens, const Sampling& sampling, double total, std::vector<Candidate>& kept);
inline bool total_matters(const Sampling& s) { return s.top_k() == 0 && s.top_p() < 1.0f; }

// Of the kept ones the one that scores best with its noise.
Candidate draw(std::span<const Candidate> kept, const Noise& noise);

}  // namespace yoke::node::sampler
