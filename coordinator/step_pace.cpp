#include "coordinator/step_pace.h"

#include <algorithm>
#include <iterator>

namespace yoke::coordinator {
namespace {

// A stream's token may take twice its own time while a prompt is read; the rest is for what the estimate misses.
constexpr double kShareOfDecode = 0.75;

// A step of prompts alone: long enough to be efficient, short enough that a newcomer, a cancellation and the step's deadline
// need not wait long.
constexpr double kAloneBudgetUs = 400'000;

// Before anything was measured: rows that a first step of prompts, and a step beside streams, may carry.
constexpr double kFirstRowsAlone = 64;
constexpr double kFirstRowsMixed = 4;

// Weight of the newest measurement. Slow enough for the noise of a shared machine, fast enough for a growing context.
constexpr double kWeight = 0.2;

// One row tells nothing of what rows cost in numbers: an estimate that no longer lets two through fades until they are tried.
constexpr double kForget = 0.98;

constexpr size_t kMaxKnown = 256;

// A step that was held up by something else counts as so many times the usual, not as the minute it took.
constexpr double kMostSurprise = 3;

void learn(double& estimate, double measured) {
  if (estimate <= 0) estimate = measured;
  else estimate += kWeight * (std::min(measured, kMostSurprise * estimate) - estimate);
}

}  // namespace

void StepPace::record(int64_t decode_rows, int64_t prefill_rows, double us) {
  if (us <= 0 || decode_rows + prefill_rows == 0) return;
  if (decode_rows == 0) return learn(alone_row_us_, us / static_cast<double>(prefill_rows));
  // One row of a prompt costs what one row of a stream costs: with so little beside them, this is the streams' own time. It is
  // also how that time is learnt where no step without prompts ever ran.
  if (prefill_rows <= 1) {
    const int64_t rows = decode_rows + prefill_rows;
    if (decode_us_.size() < kMaxKnown || decode_us_.contains(rows)) learn(decode_us_[rows], us);
    mixed_row_us_ *= kForget;
    return;
  }
  const double own = decode_us(decode_rows);
  if (own <= 0) return;
  // Never nothing: a step that happened to be quick must not open the door to a huge one.
  const double least = own / 1000;
  learn(mixed_row_us_, std::max(least, (us - own) / static_cast<double>(prefill_rows)));
}

double StepPace::decode_us(int64_t decoders) const {
  if (decode_us_.empty()) return 0;
  const auto above = decode_us_.lower_bound(decoders);
  if (above != decode_us_.end() && above->first == decoders) return above->second;
  // Between two known numbers the smaller one's time is the safe guess; below all, the smallest there is.
  return above == decode_us_.begin() ? above->second : std::prev(above)->second;
}

StepCosts StepPace::costs(int64_t decoders) const {
  StepCosts costs;
  if (decoders == 0) {
    costs.alone_budget_us = kAloneBudgetUs;
    costs.row_us = alone_row_us_ > 0 ? alone_row_us_ : kAloneBudgetUs / kFirstRowsAlone;
    return costs;
  }
  const double own = decode_us(decoders);
  costs.budget_us = configured_budget_us_ > 0 ? configured_budget_us_ : own * kShareOfDecode;
  costs.row_us = mixed_row_us_ > 0 ? mixed_row_us_ : std::max({alone_row_us_, own * kShareOfDecode / kFirstRowsMixed, 1.0});
  return costs;
}

double StepPace::expected_us(int64_t decode_rows, int64_t prefill_rows) const {
  const double row_us = std::max(mixed_row_us_, alone_row_us_);
  return (decode_rows > 0 ? decode_us(decode_rows) : 0) + row_us * static_cast<double>(prefill_rows);
}

}  // namespace yoke::coordinator
