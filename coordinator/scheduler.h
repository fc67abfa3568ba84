// Which rows the next step computes: a pure function of what waits, what runs and what is free. No I/O, no clock; what steps
// cost comes in as numbers.
//
//  - Continuous batching: every running sequence that decodes gets a row in every step, or, with a pipeline, in every one of its
//    turn: a row needs the token of the row before, so a sequence keeps one stage at work and others the next.
//  - Chunked prefill: what is left of the step goes to prompts, oldest first, under a time budget while streams decode.
//  - Admission by what is needed now: blocks are taken as positions grow. When they run out the youngest sequence is paused,
//    its blocks freed; later it is prefilled again from its prompt and what it had generated, with the same bits.
//  - An encoder's sequence sees all of itself: it goes whole in one step, or waits for the next.
//  - First come, first served: what was paused comes before what waits, and nobody overtakes a sequence that does not fit yet.
#pragma once

#include <cstdint>
#include <vector>

#include "core/dtype.h"

namespace yoke::coordinator {

struct SchedulerLimits {
  int64_t max_rows = 512;       // of one step
  int64_t max_sequences = 32;   // running at once
  int64_t block_tokens = kKvBlockTokens;
  int64_t stages = 1;           // of the pipeline: so many steps take turns with the streams, that every stage has one at work
};

// From measured steps: step_pace.h.
struct StepCosts {
  double row_us = 1;              // one row of a prompt
  double budget_us = 0;           // for prompts in a step in which streams decode
  double alone_budget_us = 1e9;   // for prompts in a step of their own
};

// A sequence as the scheduler sees it. Rows are planned at ascending positions; a row's input is the token at its position.
struct SequenceView {
  uint64_t id = 0;
  int64_t next = 0;          // the first position that has no row yet, in flight or done
  int64_t given = 0;         // positions [0, given) have known tokens
  int64_t prefill_end = 0;   // positions before it may go many to a step, the others one
  int64_t end = 0;           // no row here or behind: max_tokens, the context's or the request's end
  int64_t blocks = 0;        // held
  uint64_t drawn_in = 0;     // the newest step that draws a token of it: the input of position `given` while unknown
  int64_t max_chunk = 0;     // rows of one step at most; 0: as the budget says
  bool own_chunk = false;    // max_chunk is the request's own wish: alone in a step it gets it, whatever it costs
  bool whole = false;        // all rows up to `end` in one step or none
  bool stalled = false;      // its reader is slow: no rows now
  int64_t steps_in_flight = 0;
};

struct SchedulerState {
  std::vector<SequenceView> running;  // oldest first, as are the others
  std::vector<SequenceView> paused;
  std::vector<SequenceView> waiting;
  int64_t free_blocks = 0;
};

struct PlannedRows {
  uint64_t sequence = 0;
  int64_t start = 0;
  int64_t rows = 0;
  uint64_t from_step = 0;   // not 0: the one row's input is the token drawn in that step
  int64_t new_blocks = 0;   // to take before
  bool decode = false;
};

struct StepPlan {
  std::vector<uint64_t> pause;       // give their blocks back first
  std::vector<PlannedRows> entries;  // at most one a sequence; those that did not run are admitted by it
  int64_t decode_rows = 0;
  int64_t prefill_rows = 0;
  int64_t rows() const { return decode_rows + prefill_rows; }
};

// Streams that a step takes, of `decoding` ones.
int64_t streams_per_step(int64_t decoding, const SchedulerLimits& limits);

StepPlan plan_step(const SchedulerState& state, const SchedulerLimits& limits, const StepCosts& costs);

}  // namespace yoke::coordinator
