// What steps cost, learnt from those that ended, and from it how many rows of a prompt a step may carry beside running streams.
// No clock: durations come in as numbers. One thread.
#pragma once

#include <cstdint>
#include <map>

#include "coordinator/scheduler.h"

namespace yoke::coordinator {

class StepPace {
 public:
  // budget_us: of prompts beside streams, as the operator set it; 0: what keeps token times within twice their own.
  explicit StepPace(double budget_us = 0) : configured_budget_us_(budget_us) {}

  void record(int64_t decode_rows, int64_t prefill_rows, double us);

  // For the next step, in which about `decoders` sequences decode.
  StepCosts costs(int64_t decoders) const;
  // What such a step should take; 0 while nothing is known.
  double expected_us(int64_t decode_rows, int64_t prefill_rows) const;

 private:
  double decode_us(int64_t decoders) const;

  const double configured_budget_us_;
  std::map<int64_t, double> decode_us_;  // by the number of rows; at most kMaxKnown
  double mixed_row_us_ = 0;              // a prompt's row beside streams: marginal
  double alone_row_us_ = 0;              // a prompt's row in a step of prompts
};

}  // namespace yoke::coordinator
