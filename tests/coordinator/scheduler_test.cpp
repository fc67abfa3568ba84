// The scheduler's single decisions. Long random runs of it, with sequences that pause and end, are in scheduler_trace_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/scheduler.h"

namespace yoke::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

SequenceView prompt(uint64_t id, int64_t tokens) {
  return {.id = id, .given = tokens, .prefill_end = tokens, .end = tokens + 100};
}

// Its token at `position` is drawn in step 7, which is in flight.
SequenceView decoding(uint64_t id, int64_t position, int64_t blocks) {
  return {.id = id,
          .next = position,
          .given = position,
          .prefill_end = position - 1,
          .end = position + 100,
          .blocks = blocks,
          .drawn_in = 7};
}

constexpr SchedulerLimits kLimits{.max_rows = 64, .max_sequences = 4, .block_tokens = 16};

MATCHER_P3(Rows, sequence, start, rows, "") {
  return arg.sequence == static_cast<uint64_t>(sequence) && arg.start == start && arg.rows == rows;
}

TEST(Scheduler, PlansNothingForNothing) {
  const StepPlan plan = plan_step({.free_blocks = 10}, kLimits, {});
  EXPECT_THAT(plan.entries, IsEmpty());
  EXPECT_THAT(plan.pause, IsEmpty());
}

TEST(Scheduler, ReadsAPromptInChunksOfAWholeStepWhenNobodyDecodes) {
  SequenceView s = prompt(1, 100);
  StepPlan plan = plan_step({.waiting = {s}, .free_blocks = 10}, kLimits, {});
  ASSERT_THAT(plan.entries, ElementsAre(Rows(1, 0, 64)));
  EXPECT_EQ(plan.entries[0].new_blocks, 4);
  s.next = 64;
  s.blocks = 4;
  plan = plan_step({.running = {s}, .free_blocks = 6}, kLimits, {});
  ASSERT_THAT(plan.entries, ElementsAre(Rows(1, 64, 36)));
  EXPECT_EQ(plan.entries[0].new_blocks, 3);
}

TEST(Scheduler, KeepsAPromptOfItsOwnWithinItsTime) {
  const StepPlan plan =
      plan_step({.waiting = {prompt(1, 100)}, .free_blocks = 10}, kLimits, {.row_us = 10, .alone_budget_us = 200});
  EXPECT_THAT(plan.entries, ElementsAre(Rows(1, 0, 20)));
}

TEST(Scheduler, GivesPromptsOnlyTheBudgetWhileStreamsDecode) {
  SequenceView reading = prompt(2, 100);
  const StepPlan plan = plan_step({.running = {decoding(1, 20, 2), reading}, .free_blocks = 10}, kLimits,
                                  {.row_us = 100, .budget_us = 550});
  EXPECT_THAT(plan.entries, ElementsAre(Rows(1, 20, 1), Rows(2, 0, 5)));
  EXPECT_EQ(plan.entries[0].from_step, 7u);
  EXPECT_EQ(plan.entries[1].from_step, 0u);
}

TEST(Scheduler, ReadsAtLeastOneRowBesideStreamsHoweverSmallTheBudget) {
  const StepPlan plan = plan_step({.running = {decoding(1, 20, 2)}, .waiting = {prompt(2, 40)}, .free_blocks = 10}, kLimits,
                                  {.row_us = 100, .budget_us = 0});
  EXPECT_THAT(plan.entries, ElementsAre(Rows(1, 20, 1), Rows(2, 0, 1)));
}

TEST(Scheduler, SplitsTheBudgetAmongPromptsInTheOrderOfTheirArrival) {
  const StepPlan plan = plan_step({.waiting = {prompt(1, 30), prompt(2, 50)}, .free_blocks = 20}, kLimits, {});
  EXPECT_THAT(plan.entries, ElementsAre(Rows(1, 0, 30), Rows(2, 0, 34)));
}

TEST(Scheduler, TakesTheKnownTokenWhereTheDrawIsNoLongerInFlight) {
  SequenceView s = decoding(1, 20, 2);
  s.given = 21;
  const StepPlan plan = plan_step({.running = {s}, .free_blocks = 0}, kLimits, {});
  ASSERT_THAT(plan.entries, ElementsAre(Rows(1, 20, 1)));
  EXPECT_EQ(plan.entries[0].from_step, 0u);
}

TEST(Scheduler, PlansNoRowBehindTheEnd) {
  SequenceView s = decoding(1, 20, 2);
  s.end = 20;
  EXPECT_THAT(plan_step({.running = {s}, .free_blocks = 5}, kLimits, {}).entries, IsEmpty());
}

TEST(Scheduler, PausesTheYoungestWhenBlocksRunOut) {
  // Sequence 1 needs a new block at position 32; 3 is the youngest.
  const StepPlan plan = plan_step(
      {.running = {decoding(1, 32, 2), decoding(2, 20, 2), decoding(3, 40, 3)}, .free_blocks = 0}, kLimits, {});
  EXPECT_THAT(plan.pause, ElementsAre(3));
  EXPECT_THAT(plan.entries, ElementsAre(Rows(1, 32, 1), Rows(2, 20, 1)));
}

TEST(Scheduler, LetsTheYoungestWaitForABlockInsteadOfPausingAnOlderOne) {
  const StepPlan plan = plan_step({.running = {decoding(1, 20, 2), decoding(2, 32, 2)}, .free_blocks = 0}, kLimits, {});
  EXPECT_THAT(plan.pause, IsEmpty());
  EXPECT_THAT(plan.entries, ElementsAre(Rows(1, 20, 1)));
}

TEST(Scheduler, PausesAStalledSequenceBeforeAnyThatAdvances) {
  SequenceView stalled = decoding(1, 40, 3);
  stalled.stalled = true;
  const StepPlan plan = plan_step({.running = {stalled, decoding(2, 20, 2), decoding(3, 32, 2)}, .free_blocks = 0}, kLimits, {});
  EXPECT_THAT(plan.pause, ElementsAre(1));
  EXPECT_THAT(plan.entries, ElementsAre(Rows(2, 20, 1), Rows(3, 32, 1)));
}

TEST(Scheduler, TakesBackTheRowOfAYoungerStreamWhoseBlocksAnOlderPromptNeeds) {
  SequenceView reading = prompt(1, 40);
  reading.next = 16;
  reading.blocks = 1;
  const StepPlan plan = plan_step({.running = {reading, decoding(2, 20, 2)}, .free_blocks = 0}, kLimits, {});
  EXPECT_THAT(plan.pause, ElementsAre(2));
  ASSERT_THAT(plan.entries, ElementsAre(Rows(1, 16, 1)));
  EXPECT_EQ(plan.decode_rows, 0);
}

TEST(Scheduler, GivesAStalledSequenceNoRows) {
  SequenceView s = decoding(1, 20, 2);
  s.stalled = true;
  EXPECT_THAT(plan_step({.running = {s}, .free_blocks = 5}, kLimits, {}).entries, IsEmpty());
}

TEST(Scheduler, AdmitsWhatWasPausedBeforeWhatWaits) {
  SchedulerState state{.running = {}, .paused = {prompt(5, 20)}, .waiting = {prompt(3, 20)}, .free_blocks = 3};
  EXPECT_THAT(plan_step(state, kLimits, {}).entries, ElementsAre(Rows(5, 0, 20)));
}

TEST(Scheduler, LetsNobodyOvertakeWhatDoesNotFitYet) {
  SchedulerState state{
      .running = {decoding(1, 20, 2)}, .paused = {}, .waiting = {prompt(2, 100), prompt(3, 10)}, .free_blocks = 5};
  EXPECT_THAT(plan_step(state, kLimits, {}).entries, ElementsAre(Rows(1, 20, 1)));
}

TEST(Scheduler, DoesNotReadAPausedSequenceAgainWhileTokensOfItAreOnTheirWay) {
  SequenceView paused = prompt(2, 20);
  paused.steps_in_flight = 1;
  SchedulerState state{.running = {decoding(1, 20, 2)}, .paused = {paused}, .waiting = {prompt(3, 10)}, .free_blocks = 20};
  EXPECT_THAT(plan_step(state, kLimits, {}).entries, ElementsAre(Rows(1, 20, 1)));
  state.paused[0].steps_in_flight = 0;
  EXPECT_EQ(plan_step(state, kLimits, {.budget_us = 100}).entries.size(), 3u);
}

TEST(Scheduler, StreamsTakeTurnsSoThatEveryStageOfAPipelineHasWork) {
  SchedulerLimits limits = kLimits;
  limits.stages = 2;
  SchedulerState state{.running = {decoding(1, 20, 2), decoding(2, 20, 2), decoding(3, 20, 2)}, .free_blocks = 5};
  EXPECT_THAT(plan_step(state, limits, {}).entries, ElementsAre(Rows(1, 20, 1), Rows(2, 20, 1)));
  state.running[0].steps_in_flight = state.running[1].steps_in_flight = 1;
  EXPECT_THAT(plan_step(state, limits, {}).entries, ElementsAre(Rows(3, 20, 1)));
  state.running = {state.running[0]};
  EXPECT_THAT(plan_step(state, limits, {}).entries, ElementsAre(Rows(1, 20, 1))) << "nobody to take turns with";
}

TEST(Scheduler, RunsNoMoreSequencesThanTheLimit) {
  SchedulerState state{.free_blocks = 100};
  for (uint64_t id = 1; id <= 6; ++id) state.waiting.push_back(prompt(id, 4));
  EXPECT_EQ(plan_step(state, kLimits, {}).entries.size(), 4u);
}

TEST(Scheduler, CutsAChunkToTheFreeBlocks) {
  SequenceView reading = prompt(1, 60);
  reading.next = 10;
  reading.blocks = 1;
  const StepPlan plan = plan_step({.running = {reading}, .free_blocks = 1}, kLimits, {});
  EXPECT_THAT(plan.entries, ElementsAre(Rows(1, 10, 22)));
}

TEST(Scheduler, HoldsARequestsOwnChunkAloneAndBesideStreams) {
  SequenceView s = prompt(2, 100);
  s.max_chunk = 30;
  s.own_chunk = true;
  const StepCosts costs{.row_us = 10, .budget_us = 50, .alone_budget_us = 100};
  EXPECT_THAT(plan_step({.waiting = {s}, .free_blocks = 10}, kLimits, costs).entries, ElementsAre(Rows(2, 0, 30)));
  EXPECT_THAT(plan_step({.running = {decoding(1, 20, 2), s}, .free_blocks = 10}, kLimits, costs).entries,
              ElementsAre(Rows(1, 20, 1), Rows(2, 0, 5)));
}

SequenceView whole(uint64_t id, int64_t tokens) {
  return {.id = id, .given = tokens, .prefill_end = tokens, .end = tokens, .whole = true};
}

TEST(Scheduler, SendsWholeSequencesTogetherWhileTheyFitAndTheNextInTheNextStep) {
  const SchedulerState state{.waiting = {whole(1, 30), whole(2, 30), whole(3, 4)}, .free_blocks = 100};
  EXPECT_THAT(plan_step(state, kLimits, {}).entries, ElementsAre(Rows(1, 0, 30), Rows(2, 0, 30), Rows(3, 0, 4)));
  const SchedulerState more{.waiting = {whole(1, 30), whole(2, 40), whole(3, 4)}, .free_blocks = 100};
  EXPECT_THAT(plan_step(more, kLimits, {}).entries, ElementsAre(Rows(1, 0, 30))) << "never a part of it, and nobody overtakes";
}

TEST(Scheduler, SendsAWholeSequenceAloneWhateverItCostsAndOthersWithinTheTime) {
  const StepCosts costs{.row_us = 10, .alone_budget_us = 200};
  const SchedulerState state{.waiting = {whole(1, 64), whole(2, 4)}, .free_blocks = 100};
  EXPECT_THAT(plan_step(state, kLimits, costs).entries, ElementsAre(Rows(1, 0, 64)));
  const SchedulerState small{.waiting = {whole(1, 10), whole(2, 10), whole(3, 1)}, .free_blocks = 100};
  EXPECT_THAT(plan_step(small, kLimits, costs).entries, ElementsAre(Rows(1, 0, 10), Rows(2, 0, 10)));
}

TEST(Scheduler, LetsAWholeSequenceWaitUntilItsBlocksAreFree) {
  SequenceView running = whole(1, 32);
  running.next = 32;
  running.blocks = 2;
  running.steps_in_flight = 1;
  EXPECT_THAT(plan_step({.running = {running}, .waiting = {whole(2, 32)}, .free_blocks = 1}, kLimits, {}).entries, IsEmpty());
  EXPECT_THAT(plan_step({.running = {running}, .waiting = {whole(2, 32)}, .free_blocks = 2}, kLimits, {}).entries, ElementsAre(Rows(2, 0, 32)));
}

}  // namespace
}  // namespace yoke::coordinator
