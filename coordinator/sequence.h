// One generation (or one walk over given tokens) in progress: its tokens, its blocks, its place in the schedule, and the
// explicit states it may be in. Owned by the batcher; the dispatcher's thread only.
//
//   waiting ──► prefilling ──► decoding ──► finished
//      │           │  ▲          │             ▲
//      │           ▼  │          ▼             │
//      │          paused ◄───────┘             │     (every state may go to finished: cancelled, failed, ended)
//      └───────────┴───────────────────────────┘
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "coordinator/event_stream.h"
#include "coordinator/request.h"
#include "coordinator/scheduler.h"
#include "core/clock.h"

namespace yoke::coordinator {

enum class Phase { waiting, prefilling, decoding, paused, finished };

std::string_view name(Phase phase);
bool may_follow(Phase from, Phase to);

// What a sequence may grow to.
struct SequenceLimits {
  int64_t positions = 0;       // the context's end, or the whole cache where that is smaller
  int64_t logit_rows = 0;      // rows of raw logits of one step at most: they are held in memory on their way
  bool whole = false;          // of an encoder: goes in one step, with all the rows that are wanted
};

class Sequence {
 public:
  Sequence(uint64_t id, GenerateRequest request, std::shared_ptr<EventBuffer> events, const SequenceLimits& limits, TimePoint now);
  Sequence(uint64_t id, LogitsRequest request, std::shared_ptr<EventBuffer> events, const SequenceLimits& limits, TimePoint now);

  uint64_t id() const { return id_; }
  Phase phase() const { return phase_; }
  SequenceView view() const;

  // The planned rows are on their way in step `step`, with `blocks` grown by the caller.
  void planned(const PlannedRows& rows, uint64_t step);
  // A step with rows of it is done.
  void step_done() { --steps_in_flight_; }
  // The caller has taken its blocks: everything is to be computed again.
  void pause();
  void finish();

  // The drawn token follows all others. True: it was the last one, for that reason.
  std::optional<FinishReason> append(TokenId token);
  // No row is left to compute and none is on its way: of a request that draws nothing.
  bool exhausted() const { return next_ >= end_ && steps_in_flight_ == 0; }
  bool draws() const { return max_tokens_ > 0; }
  // Whether the last of these rows draws a token.
  bool samples(const PlannedRows& rows) const { return draws() && rows.start + rows.rows >= prefill_end_; }

  const GenerateRequest* generation() const { return std::get_if<GenerateRequest>(&request_); }
  const LogitsRequest* logits() const { return std::get_if<LogitsRequest>(&request_); }
  const std::vector<TokenId>& tokens() const { return tokens_; }
  int64_t prompt_size() const { return prompt_size_; }
  int64_t generated() const { return static_cast<int64_t>(tokens_.size()) - prompt_size_; }
  std::vector<uint32_t>& blocks() { return blocks_; }
  const std::vector<uint32_t>& blocks() const { return blocks_; }
  EventBuffer& events() { return *events_; }

  // Which positions of planned rows have logits that are wanted and were not asked for before (a paused sequence walks again).
  // To be asked once for every planned() step, before it.
  std::vector<int64_t> take_wanted_rows(const PlannedRows& rows);

  // Prompt logprobs still to come, and where they are collected.
  bool wants_prompt_logprobs() const;
  // Of the token at position `index` + 1. The last one sends all of them as a PromptEvent.
  void add_prompt_logprob(int64_t index, PromptLogprob value);

  const TimePoint arrived;
  TimePoint first_token{};
  TimePoint last_token{};

 private:
  void enter(Phase phase);
  int64_t chunk_limit() const;
  void send_prompt_logprobs();

  const uint64_t id_;
  const std::variant<GenerateRequest, LogitsRequest> request_;
  const std::shared_ptr<EventBuffer> events_;
  const SequenceLimits limits_;
  Phase phase_ = Phase::waiting;
  std::vector<TokenId> tokens_;      // of the prompt, then the generated ones
  int64_t prompt_size_ = 0;
  int64_t max_tokens_ = 0;           // as the limits allow
  int64_t prefill_end_ = 0;
  int64_t end_ = 0;
  int64_t next_ = 0;
  uint64_t drawn_in_ = 0;
  int64_t steps_in_flight_ = 0;
  std::vector<uint32_t> blocks_;
  size_t wanted_ = 0;                // logits: rows asked for so far
  std::vector<PromptLogprob> prompt_logprobs_;
  bool prompt_logprobs_sent_ = false;
};

}  // namespace yoke::coordinator
