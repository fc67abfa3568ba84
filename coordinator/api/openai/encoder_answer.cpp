#include "coordinator/api/openai/encoder_answer.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/api/error_reply.h"

namespace yoke::coordinator::api::openai {

void EncoderAnswer::start(http::Waker wake) {
  wake_ = std::move(wake);
  fill();
}

void EncoderAnswer::fill() {
  while (next_ < runs_ && open_.size() < kMostOpen && submit(next_)) ++next_;
}

// False where the queue is full and some of ours in it will make room.
bool EncoderAnswer::submit(size_t index) {
  Run wanted = run(index);
  Open open{.run = index, .stream = nullptr, .wanted = std::move(wanted.rows)};
  const auto size = static_cast<int64_t>(wanted.tokens.size());
  try {
    open.stream = service_.logits({.id = runs_ == 1 ? id_ : fmt::format("{}/{}", id_, index),
                                   .tokens = std::move(wanted.tokens),
                                   .token_types = std::move(wanted.types),
                                   .rows = open.wanted,
                                   .prefill = size});
  } catch (const Error& error) {
    if (error.code() == Code::overloaded && !open_.empty()) return false;
    if (error.param() == "tokens") throw Error(error.code(), fmt::format("{}: {}", wanted.field, error.what()), wanted.field);
    throw;
  }
  tokens_ += size;
  open_.push_back(std::move(open));
  open_.back().stream->on_event(wake_);
  return true;
}

void EncoderAnswer::advance(http::Turn turn, http::Responder& out) {
  try {
    if (turn == http::Turn::stopping) throw Error(Code::unavailable, "the server is shutting down");
    std::erase_if(open_, [this](Open& open) { return drain(open); });
    fill();
    if (open_.empty() && next_ == runs_) out.respond({.headers = {{"x-request-id", id_}}, .body = body()});
  } catch (...) {
    cancel();
    out.respond(error_reply(current_error()));
  }
}

// True once it has ended.
bool EncoderAnswer::drain(Open& open) {
  for (const Event& event : open.stream->take()) {
    if (const auto* row = std::get_if<LogitsEvent>(&event)) {
      if (open.rows == open.wanted.size() || row->position != open.wanted[open.rows] || row->row.size() != width_) {
        throw Error(Code::internal, "the engines sent rows that were not asked for");
      }
      ++open.rows;
      on_row(open.run, row->row);
    } else if (const auto* end = std::get_if<FinishEvent>(&event)) {
      if (end->reason == FinishReason::error || end->reason == FinishReason::cancelled) {
        throw end->error.value_or(Error(Code::aborted, "the request was cancelled by the server"));
      }
      if (open.rows == open.wanted.size()) return true;
      throw Error(Code::internal, fmt::format("{} of {} rows came", open.rows, open.wanted.size()));
    }
  }
  return false;
}

void EncoderAnswer::cancel() {
  for (Open& open : open_) open.stream->cancel();
  open_.clear();
}

}  // namespace yoke::coordinator::api::openai
