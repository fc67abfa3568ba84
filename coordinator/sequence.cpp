#include "coordinator/sequence.h"

#include <algorithm>

#include "core/error.h"

namespace yoke::coordinator {
namespace {

struct Transition {
  Phase from, to;
};

constexpr Transition kTransitions[] = {
    {Phase::waiting, Phase::prefilling}, {Phase::waiting, Phase::finished},    // admitted; cancelled while it waited
    {Phase::prefilling, Phase::decoding}, {Phase::prefilling, Phase::paused}, {Phase::prefilling, Phase::finished},
    {Phase::decoding, Phase::paused},     {Phase::decoding, Phase::finished},
    {Phase::paused, Phase::prefilling},   {Phase::paused, Phase::finished},    // its last token was on its way when it was paused
};

}  // namespace

std::string_view name(Phase phase) {
  switch (phase) {
    case Phase::waiting: return "waiting";
    case Phase::prefilling: return "prefilling";
    case Phase::decoding: return "decoding";
    case Phase::paused: return "paused";
    case Phase::finished: return "finished";
  }
  return "";
}

bool may_follow(Phase from, Phase to) {
  return std::ranges::any_of(kTransitions, [&](const Transition& t) { return t.from == from && t.to == to; });
}

Sequence::Sequence(uint64_t id, GenerateRequest request, std::shared_ptr<EventBuffer> events, const SequenceLimits& limits, TimePoint now)
    : arrived(now), id_(id), request_(std::move(request)), events_(std::move(events)), limits_(limits) {
  const GenerateRequest& r = *generation();
  tokens_ = r.prompt;
  prompt_size_ = static_cast<int64_t>(tokens_.size());
  // The token drawn at the last position ends it, for there is no place to put it in.
  max_tokens_ = std::min(r.max_tokens, limits.positions - prompt_size_);
  prefill_end_ = prompt_size_;
  // The last drawn token is nobody's input.
  end_ = prompt_size_ + std::max<int64_t>(0, max_tokens_ - 1);
  if (r.prompt_logprobs < 0) return;
  prompt_logprobs_.resize(tokens_.size() - 1);
  if (prompt_logprobs_.empty()) send_prompt_logprobs();
}

Sequence::Sequence(uint64_t id, LogitsRequest request, std::shared_ptr<EventBuffer> events, const SequenceLimits& limits, TimePoint now)
    : arrived(now), id_(id), request_(std::move(request)), events_(std::move(events)), limits_(limits) {
  const LogitsRequest& r = *logits();
  tokens_ = r.tokens;
  prompt_size_ = static_cast<int64_t>(tokens_.size());
  prefill_end_ = limits.whole ? prompt_size_ : std::clamp<int64_t>(r.prefill, 0, prompt_size_);
  if (!r.rows.empty()) end_ = limits.whole ? prompt_size_ : r.rows.back() + 1;
}

// A chunk is cut where it would bring more rows of logits than one step may; what goes whole has no chunks.
int64_t Sequence::chunk_limit() const {
  const LogitsRequest* r = logits();
  if (r == nullptr || limits_.whole) return 0;
  const auto first = std::max(std::ranges::lower_bound(r->rows, next_), r->rows.begin() + static_cast<int64_t>(wanted_));
  int64_t limit = r->chunk;
  if (r->rows.end() - first > limits_.logit_rows) {
    const int64_t rows = *(first + limits_.logit_rows) - next_;
    limit = limit > 0 ? std::min(limit, rows) : rows;
  }
  return limit;
}

std::vector<int64_t> Sequence::take_wanted_rows(const PlannedRows& planned) {
  std::vector<int64_t> wanted;
  const LogitsRequest* r = logits();
  if (r == nullptr) return wanted;
  for (; wanted_ < r->rows.size() && r->rows[wanted_] < planned.start + planned.rows; ++wanted_) wanted.push_back(r->rows[wanted_]);
  return wanted;
}

SequenceView Sequence::view() const {
  return {.id = id_,
          .next = next_,
          .given = static_cast<int64_t>(tokens_.size()),
          .prefill_end = prefill_end_,
          .end = end_,
          .blocks = static_cast<int64_t>(blocks_.size()),
          .drawn_in = drawn_in_,
          .max_chunk = chunk_limit(),
          .own_chunk = logits() != nullptr && logits()->chunk > 0,
          .whole = limits_.whole,
          .stalled = events_->full(),
          .steps_in_flight = steps_in_flight_};
}

void Sequence::planned(const PlannedRows& rows, uint64_t step) {
  YOKE_ASSERT(rows.start == next_);
  if (phase_ == Phase::waiting || phase_ == Phase::paused) enter(Phase::prefilling);
  next_ += rows.rows;
  ++steps_in_flight_;
  if (samples(rows)) drawn_in_ = step;
  if (phase_ == Phase::prefilling && next_ >= prefill_end_) enter(Phase::decoding);
}

void Sequence::pause() {
  YOKE_ASSERT(blocks_.empty());
  enter(Phase::paused);
  next_ = 0;
  drawn_in_ = 0;
  // Of given tokens, those behind the request's own prefill stay single steps.
  if (generation() != nullptr) prefill_end_ = static_cast<int64_t>(tokens_.size());
}

void Sequence::finish() {
  YOKE_ASSERT(blocks_.empty());
  enter(Phase::finished);
}

void Sequence::enter(Phase phase) {
  YOKE_ASSERT(may_follow(phase_, phase));
  phase_ = phase;
}

std::optional<FinishReason> Sequence::append(TokenId token) {
  tokens_.push_back(token);
  if (phase_ == Phase::paused) prefill_end_ = static_cast<int64_t>(tokens_.size());
  const auto& ends = generation()->end_tokens;
  if (std::ranges::find(ends, token) != ends.end()) return FinishReason::stop;
  if (generated() >= max_tokens_) return FinishReason::length;
  return std::nullopt;
}

bool Sequence::wants_prompt_logprobs() const {
  return generation() != nullptr && generation()->prompt_logprobs >= 0 && !prompt_logprobs_sent_;
}

void Sequence::add_prompt_logprob(int64_t index, PromptLogprob value) {
  if (index >= static_cast<int64_t>(prompt_logprobs_.size())) return;
  prompt_logprobs_[static_cast<size_t>(index)] = std::move(value);
  if (index + 1 < static_cast<int64_t>(prompt_logprobs_.size())) return;
  send_prompt_logprobs();
}

void Sequence::send_prompt_logprobs() {
  prompt_logprobs_sent_ = true;
  events_->push(PromptEvent{std::move(prompt_logprobs_)});
}

}  // namespace yoke::coordinator
