#include "coordinator/batcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "coordinator/step_entry.h"

namespace yoke::coordinator {
namespace {

namespace proto = transport::proto;

template <typename Tops>
std::vector<Logprob> top_of(const Tops& tops) {
  std::vector<Logprob> top;
  top.reserve(static_cast<size_t>(tops.size()));
  for (const proto::TokenLogprob& l : tops) top.push_back({static_cast<TokenId>(l.token()), l.logprob()});
  return top;
}

Error nonsense(uint64_t step, const std::string& what) {
  return Error{Code::internal, fmt::format("an engine's answer to step {}: {}", step, what)};
}

}  // namespace

Batcher::Batcher(const BatcherConfig& config, StepPace& pace, Metrics& metrics)
    : config_(config), pace_(pace), metrics_(metrics), blocks_(config.kv_blocks) {}

void Batcher::add(uint64_t id, GenerateRequest request, std::shared_ptr<EventBuffer> events, TimePoint now) {
  insert(std::make_unique<Sequence>(id, std::move(request), std::move(events), config_.sequence, now), now);
}

void Batcher::add(uint64_t id, LogitsRequest request, std::shared_ptr<EventBuffer> events, TimePoint now) {
  insert(std::make_unique<Sequence>(id, std::move(request), std::move(events), config_.sequence, now), now);
}

void Batcher::insert(std::unique_ptr<Sequence> sequence, TimePoint now) {
  Sequence& added = *sequence;
  sequences_.emplace(added.id(), std::move(sequence));
  if (added.exhausted()) end(added, {.reason = FinishReason::stop}, now);  // nothing was asked for
}

Sequence* Batcher::find(uint64_t id) {
  const auto found = sequences_.find(id);
  return found == sequences_.end() ? nullptr : found->second.get();
}

void Batcher::cancel(uint64_t id, TimePoint now) {
  if (Sequence* sequence = find(id)) end(*sequence, {.reason = FinishReason::cancelled}, now);
}

int64_t Batcher::count(Phase phase) const {
  return std::ranges::count_if(sequences_, [&](const auto& s) { return s.second->phase() == phase; });
}

SchedulerState Batcher::state() const {
  SchedulerState state{.free_blocks = blocks_.free()};
  for (const auto& [id, sequence] : sequences_) {
    switch (sequence->phase()) {
      case Phase::prefilling:
      case Phase::decoding: state.running.push_back(sequence->view()); break;
      case Phase::paused: state.paused.push_back(sequence->view()); break;
      case Phase::waiting:  // no step admits more than may run
        if (static_cast<int64_t>(state.waiting.size()) < config_.limits.max_sequences) state.waiting.push_back(sequence->view());
        break;
      case Phase::finished: break;
    }
  }
  return state;
}

std::optional<proto::Step> Batcher::plan(uint64_t id) {
  const SchedulerState now = state();
  const int64_t decoders = std::ranges::count_if(now.running, [](const SequenceView& s) {
    return s.next >= s.prefill_end && s.next < s.end && !s.stalled;
  });
  const StepPlan plan = plan_step(now, config_.limits, pace_.costs(streams_per_step(decoders, config_.limits)));
  for (const uint64_t paused : plan.pause) pause(paused);
  if (plan.entries.empty()) return std::nullopt;

  proto::Step step;
  step.set_id(id);
  InFlight flight{.step = id, .decode_rows = plan.decode_rows, .prefill_rows = plan.prefill_rows};
  release_into(step);
  for (const PlannedRows& rows : plan.entries) flight.rows.push_back(put(rows, id, *step.add_entries()));
  in_flight_.push_back(std::move(flight));
  return step;
}

proto::Step Batcher::idle(uint64_t id) {
  proto::Step step;
  step.set_id(id);
  release_into(step);
  in_flight_.push_back({.step = id});
  return step;
}

void Batcher::release_into(proto::Step& step) {
  for (const uint64_t id : released_) {
    proto::StepEntry& entry = *step.add_entries();
    entry.set_sequence(id);
    entry.set_release(true);
  }
  released_.clear();
}

// Steps in flight may still write to the blocks; whoever gets them next writes in a later step, and engines run steps in order.
void Batcher::pause(uint64_t id) {
  Sequence& sequence = *find(id);
  blocks_.give_back(sequence.blocks());
  sequence.pause();
  metrics_.preempted();
}

Batcher::Rows Batcher::put(const PlannedRows& rows, uint64_t step, proto::StepEntry& entry) {
  Sequence& sequence = *find(rows.sequence);
  blocks_.take(rows.new_blocks, sequence.blocks());
  Rows put{.sequence = rows.sequence, .start = rows.start, .rows = rows.rows};
  put.logit_positions = sequence.take_wanted_rows(rows);
  fill_entry(sequence, rows, put.logit_positions, entry);
  put.sample = entry.sample();
  put.prompt_logprobs = entry.prompt_logprobs() >= 0;
  sequence.planned(rows, step);
  return put;
}

void Batcher::on_rows(const proto::LogitRows& rows) {
  const auto flight = std::ranges::find(in_flight_, rows.step(), &InFlight::step);
  if (flight == in_flight_.end()) throw nonsense(rows.step(), "logits of a step that is not in flight");
  const auto entry = std::ranges::find(flight->rows, rows.sequence(), &Rows::sequence);
  const size_t row_bytes = static_cast<size_t>(config_.row_width) * sizeof(float);
  const size_t count = rows.rows().size() / row_bytes;
  if (entry == flight->rows.end() || rows.rows().size() % row_bytes != 0 || rows.first_row() > entry->logit_positions.size() ||
      count > entry->logit_positions.size() - rows.first_row()) {
    throw nonsense(rows.step(), fmt::format("{} bytes of logits from row {} of sequence {}, which were not asked for",
                                            rows.rows().size(), rows.first_row(), rows.sequence()));
  }
  Sequence* sequence = find(rows.sequence());
  if (sequence == nullptr) return;  // cancelled meanwhile
  for (size_t i = 0; i < count; ++i) {
    LogitsEvent event{.position = entry->logit_positions[rows.first_row() + i],
                      .row = std::vector<float>(static_cast<size_t>(config_.row_width))};
    std::memcpy(event.row.data(), rows.rows().data() + i * row_bytes, row_bytes);
    sequence->events().push(std::move(event));
  }
}

void Batcher::on_done(const proto::StepResult& result, double us, TimePoint now) {
  if (in_flight_.empty() || in_flight_.front().step != result.id()) throw nonsense(result.id(), "it is not the oldest in flight");
  const InFlight flight = std::move(in_flight_.front());
  in_flight_.pop_front();
  pace_.record(flight.decode_rows, flight.prefill_rows, us);
  if (flight.prefill_rows > 0) metrics_.tokens(flight.prefill_rows, 0);

  std::map<uint64_t, const proto::EntryResult*> answers;
  for (const proto::EntryResult& answer : result.entries()) answers[answer.sequence()] = &answer;
  for (const Rows& rows : flight.rows) {
    Sequence* sequence = find(rows.sequence);
    if (sequence == nullptr) continue;  // it ended while this row was on its way
    sequence->step_done();
    if (rows.sample || rows.prompt_logprobs) {
      const auto answer = answers.find(rows.sequence);
      if (answer == answers.end()) throw nonsense(result.id(), fmt::format("nothing about sequence {}", rows.sequence));
      take_result(*sequence, rows, *answer->second, now);
    } else if (sequence->exhausted()) {
      end(*sequence, {.reason = FinishReason::stop}, now);
    }
  }
}

void Batcher::take_result(Sequence& sequence, const Rows& rows, const proto::EntryResult& result, TimePoint now) {
  if (rows.prompt_logprobs) {
    for (int i = 0; i < result.prompt_size(); ++i) {
      sequence.add_prompt_logprob(rows.start + i, {result.prompt(i).logprob(), top_of(result.prompt(i).top())});
    }
  }
  if (rows.sample) return take_token(sequence, result, now);
  // A request for its prompt's log probabilities alone.
  if (!sequence.draws() && sequence.exhausted()) end(sequence, {.reason = FinishReason::length}, now);
}

void Batcher::take_token(Sequence& sequence, const proto::EntryResult& result, TimePoint now) {
  if (!result.sampled() || result.token() >= static_cast<uint64_t>(config_.vocab)) {
    throw Error{Code::internal,
                fmt::format("an engine drew {} for sequence {}",
                            result.sampled() ? std::to_string(result.token()) : "nothing", sequence.id())};
  }
  const auto token = static_cast<TokenId>(result.token());
  if (sequence.generated() == 0) sequence.first_token = now;
  else metrics_.token_gap(now - sequence.last_token);
  sequence.last_token = now;
  metrics_.tokens(0, 1);
  const auto reason = sequence.append(token);
  sequence.events().push(TokenEvent{token, result.logprob(), top_of(result.top())});
  if (reason) end(sequence, {.reason = *reason}, now);
}

void Batcher::end(Sequence& sequence, FinishEvent event, TimePoint now) {
  blocks_.give_back(sequence.blocks());
  if (sequence.phase() != Phase::waiting && sequence.draws()) released_.push_back(sequence.id());
  sequence.finish();
  const bool any = sequence.generated() > 0;
  metrics_.request_finished(event.reason, sequence.prompt_size(), sequence.generated(),
                            (any ? sequence.first_token : now) - sequence.arrived, now - sequence.arrived);
  const auto owned = std::move(sequences_.at(sequence.id()));
  sequences_.erase(owned->id());
  owned->events().push(std::move(event));
}

void Batcher::abandon(const Error& error, TimePoint now) {
  while (!sequences_.empty()) end(*sequences_.begin()->second, {.reason = FinishReason::error, .error = error}, now);
  in_flight_.clear();
}

double Batcher::expected_us() const {
  if (in_flight_.empty()) return 0;
  const InFlight& newest = in_flight_.back();
  const double us = pace_.expected_us(newest.decode_rows, newest.prefill_rows);
  // A first step of whole sequences may be long, and nothing is known of it: the deadline must not take it for a stuck engine.
  constexpr double kUnknownRowUs = 5'000;
  return us > 0 || !config_.sequence.whole ? us : kUnknownRowUs * static_cast<double>(newest.prefill_rows);
}

}  // namespace yoke::coordinator
