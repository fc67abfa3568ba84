// A sequence's states, and where its rows, draws and logits lie.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/sequence.h"

namespace yoke::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr SequenceLimits kLimits{.positions = 100, .logit_rows = 4};

Sequence generation(std::vector<TokenId> prompt, int64_t max_tokens, std::vector<TokenId> ends = {}) {
  return Sequence(1, GenerateRequest{.prompt = std::move(prompt), .max_tokens = max_tokens, .end_tokens = std::move(ends)},
                  std::make_shared<EventBuffer>(), kLimits, {});
}

PlannedRows next_rows(const Sequence& s, int64_t rows) {
  const SequenceView view = s.view();
  return {.sequence = view.id, .start = view.next, .rows = rows, .from_step = view.next < view.given ? 0 : view.drawn_in};
}

TEST(Sequence, OnlyTheTablesTransitionsAreAllowed) {
  const Phase all[] = {Phase::waiting, Phase::prefilling, Phase::decoding, Phase::paused, Phase::finished};
  int allowed = 0;
  for (const Phase from : all) {
    for (const Phase to : all) allowed += may_follow(from, to);
    EXPECT_FALSE(may_follow(Phase::finished, from)) << "an end is an end";
    EXPECT_FALSE(may_follow(from, Phase::waiting));
    EXPECT_EQ(may_follow(from, Phase::finished), from != Phase::finished) << name(from);
  }
  EXPECT_EQ(allowed, 9);
  EXPECT_FALSE(may_follow(Phase::paused, Phase::decoding)) << "its cache is gone: it is read again first";
}

TEST(Sequence, AFirstPromptIsReadAndThenItsDrawsFollowEachOther) {
  Sequence s = generation({1, 2, 3, 4, 5}, 3);
  PlannedRows rows = next_rows(s, 3);
  EXPECT_FALSE(s.samples(rows));
  s.planned(rows, 1);
  EXPECT_EQ(s.phase(), Phase::prefilling);
  rows = next_rows(s, 2);
  EXPECT_TRUE(s.samples(rows)) << "the last row of the prompt draws";
  s.planned(rows, 2);
  EXPECT_EQ(s.phase(), Phase::decoding);
  rows = next_rows(s, 1);
  EXPECT_EQ(rows.from_step, 2u) << "the token is not known yet";
  s.planned(rows, 3);
  EXPECT_EQ(s.view().next, 6);
  EXPECT_EQ(s.view().end, 7) << "the last of three drawn tokens is nobody's input";
}

TEST(Sequence, EndsAtItsEndTokenAtMaxTokensOrWhereTheContextEnds) {
  Sequence stopped = generation({1}, 10, {7});
  EXPECT_FALSE(stopped.append(6));
  EXPECT_EQ(stopped.append(7), FinishReason::stop);
  Sequence counted = generation({1}, 2);
  EXPECT_FALSE(counted.append(6));
  EXPECT_EQ(counted.append(6), FinishReason::length);
  Sequence cut = generation(std::vector<TokenId>(98, 1), 32000);
  EXPECT_FALSE(cut.append(6));
  EXPECT_EQ(cut.append(6), FinishReason::length) << "100 positions";
}

TEST(Sequence, APausedOneReadsItsPromptAndWhatItHadGeneratedAgain) {
  Sequence s = generation({1, 2}, 10);
  s.planned(next_rows(s, 2), 1);
  s.planned(next_rows(s, 1), 2);
  s.step_done();
  s.append(8);
  s.pause();
  EXPECT_EQ(s.phase(), Phase::paused);
  s.step_done();
  s.append(9);  // it was on its way
  const SequenceView view = s.view();
  EXPECT_EQ(view.next, 0);
  EXPECT_EQ(view.prefill_end, 4);
  EXPECT_EQ(view.given, 4);
  EXPECT_TRUE(s.samples({.start = 0, .rows = 4}));
  EXPECT_FALSE(s.samples({.start = 0, .rows = 3}));
}

TEST(Sequence, WantedRowsOfLogitsAreAskedForOnceAlsoWhenItIsReadAgain) {
  Sequence s(1, LogitsRequest{.tokens = std::vector<TokenId>(20, 1), .rows = {2, 3, 5, 15}, .prefill = 10}, std::make_shared<EventBuffer>(), kLimits, {});
  PlannedRows rows = next_rows(s, 5);
  EXPECT_THAT(s.take_wanted_rows(rows), ElementsAre(2, 3));
  s.planned(rows, 1);
  s.step_done();
  s.pause();
  rows = next_rows(s, 10);
  EXPECT_THAT(s.take_wanted_rows(rows), ElementsAre(5));
  s.planned(rows, 2);
  EXPECT_EQ(s.view().end, 16) << "nobody asked for what follows row 15";
}

TEST(Sequence, AChunkBringsNoMoreRowsOfLogitsThanAStepMay) {
  LogitsRequest request{.tokens = std::vector<TokenId>(50, 1), .prefill = 50, .chunk = 30};
  for (int64_t row = 10; row < 50; ++row) request.rows.push_back(row);
  Sequence s(1, request, std::make_shared<EventBuffer>(), kLimits, {});
  EXPECT_EQ(s.view().max_chunk, 14) << "rows 10 to 13 are the four that one step may bring";
}

TEST(Sequence, OfAnEncoderGoesWholeWhateverRowsAreWanted) {
  LogitsRequest request{.tokens = std::vector<TokenId>(50, 1), .rows = {0}, .prefill = 5, .chunk = 3};
  Sequence one(1, request, std::make_shared<EventBuffer>(), {.positions = 100, .logit_rows = 4, .whole = true}, {});
  SequenceView view = one.view();
  EXPECT_TRUE(view.whole);
  EXPECT_EQ(view.end, 50) << "the first row sees the last";
  EXPECT_EQ(view.prefill_end, 50);
  EXPECT_EQ(view.max_chunk, 0);
  for (int64_t row = 1; row < 50; ++row) request.rows.push_back(row);
  Sequence all(1, request, std::make_shared<EventBuffer>(), {.positions = 100, .logit_rows = 4, .whole = true}, {});
  EXPECT_EQ(all.view().max_chunk, 0) << "rows are never cut from a sequence";
  EXPECT_EQ(all.take_wanted_rows(next_rows(all, 50)).size(), 50u);
}

TEST(Sequence, PromptLogprobsAreSentWholeAndOnce) {
  auto events = std::make_shared<EventBuffer>();
  Sequence s(1, GenerateRequest{.prompt = {1, 2, 3}, .max_tokens = 4, .prompt_logprobs = 0}, events, kLimits, {});
  EXPECT_TRUE(s.wants_prompt_logprobs());
  s.add_prompt_logprob(0, {.logprob = -1});
  bool drained = false;
  EXPECT_THAT(events->take(drained), IsEmpty());
  s.add_prompt_logprob(1, {.logprob = -2});
  s.add_prompt_logprob(1, {.logprob = -2});  // from a step that was on its way when it was paused
  EXPECT_FALSE(s.wants_prompt_logprobs());
  const auto sent = events->take(drained);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(std::get<PromptEvent>(sent[0]).logprobs.size(), 2u);
}

TEST(EventBuffer, TellsOnceAtOnceAndAfterEveryEventAndTakesNothingAfterTheEnd) {
  EventBuffer buffer;
  buffer.push(TokenEvent{1});
  int told = 0;
  buffer.on_event([&] { ++told; });
  EXPECT_EQ(told, 1);
  buffer.push(FinishEvent{});
  buffer.push(TokenEvent{2});
  EXPECT_EQ(told, 2);
  bool drained = true;
  EXPECT_EQ(buffer.take(drained).size(), 2u);
  EXPECT_FALSE(drained);
  EXPECT_TRUE(buffer.finished());
}

TEST(EventBuffer, IsFullAtTheLimitAndSaysWhenItNoLongerIs) {
  EventBuffer buffer;
  for (size_t i = 0; i < Stream::kMaxPending; ++i) {
    EXPECT_FALSE(buffer.full());
    buffer.push(TokenEvent{1});
  }
  EXPECT_TRUE(buffer.full());
  bool drained = false;
  buffer.take(drained);
  EXPECT_TRUE(drained);
  EXPECT_FALSE(buffer.full());
}

}  // namespace
}  // namespace yoke::coordinator
