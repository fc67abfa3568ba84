#include "node/sampler/filter.h"

#include <algorithm>
#include <optional>

#include "core/error.h"
#include "kernels/elementary.h"

namespace yoke::node::sampler {
namespace {

struct Worse {
  bool operator()(const Candidate& a, const Candidate& b) const { return before(b, a); }
};

double weight(const Candidate& c, float first) { return static_cast<double>(kernels::exp_f32(c.value - first)); }

// The walk from the front that top_p and min_p end. Weights are relative to the first token's.
class Walk {
 public:
  Walk(const Sampling& sampling, float first, double total)
      : sampling_(sampling), first_(first), enough_(static_cast<double>(sampling.top_p()) * total) {}

  // False: c and all after it are out. The first is always in.
  bool admits(const Candidate& c) {
    const double w = weight(c, first_);
    if (any_ && (done_ || w < static_cast<double>(sampling_.min_p()))) return false;
    any_ = true;
    sum_ += w;
    done_ = sampling_.top_p() < 1.0f && sum_ >= enough_;
    return true;
  }
  bool done() const { return done_; }

 private:
  const Sampling& sampling_;
  const float first_;
  const double enough_;
  double sum_ = 0;
  bool any_ = false;
  bool done_ = false;
};

bool keep_top_k(Ordered& tokens, const Sampling& sampling, std::vector<Candidate>& kept) {
  Candidate c;
  while (kept.size() < sampling.top_k()) {
    const Ordered::Next next = tokens.next(c);
    if (next == Ordered::Next::unknown) return false;
    if (next == Ordered::Next::end) break;
    kept.push_back(c);
  }
  double total = 0;
  for (const Candidate& k : kept) total += weight(k, kept.front().value);
  Walk walk(sampling, kept.front().value, total);
  const auto out = std::find_if(kept.begin(), kept.end(), [&](const Candidate& k) { return !walk.admits(k); });
  kept.erase(out, kept.end());
  return true;
}

}  // namespace

Ordered::Next MergedHalves::next(Candidate& candidate) {
  for (const Half& half : halves_) {
    if (half.best.empty() && !half.complete) return Next::unknown;
  }
  if (halves_[0].best.empty() && halves_[1].best.empty()) return Next::end;
  const bool second = halves_[0].best.empty() || (!halves_[1].best.empty() && before(halves_[1].best.front(), halves_[0].best.front()));
  Half& from = halves_[second ? 1 : 0];
  candidate = from.best.front();
  from.best = from.best.subspan(1);
  return Next::candidate;
}

WholeVocabulary::WholeVocabulary(std::span<Candidate> candidates) : heap_(candidates) {
  std::make_heap(heap_.begin(), heap_.end(), Worse());
}

Ordered::Next WholeVocabulary::next(Candidate& candidate) {
  if (heap_.empty()) return Next::end;
  std::pop_heap(heap_.begin(), heap_.end(), Worse());
  candidate = heap_.back();
  heap_ = heap_.first(heap_.size() - 1);
  return Next::candidate;
}

bool keep(Ordered& tokens, const Sampling& sampling, double total, std::vector<Candidate>& kept) {
  kept.clear();
  if (sampling.top_k() > 0) return keep_top_k(tokens, sampling, kept);
  std::optional<Walk> walk;
  Candidate c;
  while (!walk || !walk->done()) {
    const Ordered::Next next = tokens.next(c);
    if (next == Ordered::Next::unknown) return false;
    if (next == Ordered::Next::end) break;
    if (!walk) walk.emplace(sampling, c.value, total);
    if (!walk->admits(c)) break;
    kept.push_back(c);
  }
  return true;
}

Candidate draw(std::span<const Candidate> kept, const Noise& noise) {
  YOKE_ASSERT(!kept.empty());
  Best best{0, -1};
  const Candidate* chosen = &kept.front();
  for (const Candidate& c : kept) {
    const Best scored{static_cast<double>(c.value) + Noise::gumbel(noise.bits(c.token)), c.token};
    if (!before(scored, best)) continue;
    best = scored;
    chosen = &c;
  }
  return *chosen;
}

}  // namespace yoke::node::sampler
