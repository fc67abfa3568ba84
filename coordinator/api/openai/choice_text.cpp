#include "coordinator/api/openai/choice_text.h"

#include <algorithm>
#include <utility>

namespace yoke::coordinator::api::openai {

ChoiceText::ChoiceText(const model::text::Tokenizer* tokenizer, const model::text::reasoning::Format& format, Options options)
    : tokenizer_(tokenizer), options_(std::move(options)) {
  if (tokenizer_ == nullptr) return;
  answer_.emplace(*tokenizer_, format, Answer::Options{options_.stop, options_.reasoning == ReasoningShown::in_content});
}

Delta ChoiceText::begin_with(const std::string& text, std::vector<ShownToken> tokens) {
  begun_ = begun_ || !text.empty();
  echoed_ += model::text::reasoning::characters_in(text);
  return {.reasoning = {}, .text = text, .tokens = std::move(tokens), .ids = {}, .finish_reason = {}};
}

Delta ChoiceText::push(const TokenEvent& event) {
  Delta delta;
  if (finished_) return delta;
  ++tokens_;
  if (options_.token_ids) delta.ids.push_back(event.token);
  const auto& ends = options_.end_tokens;
  if (std::find(ends.begin(), ends.end(), event.token) != ends.end()) return delta;
  ShownToken shown{.token = event.token, .logprob = {}, .top = {}, .text_offset = echoed_, .first = false};
  if (options_.logprobs) {
    shown.logprob = event.logprob;
    shown.top = event.top;
  }
  if (!answer_) {
    place({std::move(shown), 0, 0, true}, Part::content, delta);
    return delta;
  }
  shown.text_offset += answer_->characters();
  const bool textless = is_textless(event.token);
  if (!textless && !tokenizer_->token_bytes(event.token).empty()) shown.first = !std::exchange(begun_, true);
  Answer::Step step = answer_->push(event.token);
  if (step.textless) {
    ++reasoning_tokens_;
  } else {
    waiting_.push_back({std::move(shown), step.begin, answer_->bytes(), textless});
  }
  take(std::move(step), delta);
  return delta;
}

Delta ChoiceText::finish(FinishReason reason) {
  Delta delta;
  if (finished_) return delta;
  if (answer_) {
    take(answer_->finish(), delta);
    if (!finished_) place_until(SIZE_MAX, answer_->part(), delta);
  }
  const bool stopped = std::exchange(finished_, true);
  delta.finish_reason = reason == FinishReason::length && !stopped ? "length" : "stop";
  return delta;
}

// Special tokens stand in the text of an undivided answer only.
bool ChoiceText::is_textless(TokenId token) const {
  return tokenizer_->is_special(token) && options_.reasoning != ReasoningShown::in_content;
}

void ChoiceText::take(Answer::Step step, Delta& delta) {
  for (const auto& stretch : step.stretches) {
    if (stretch.part == Part::content) delta.text += stretch.text;
    if (stretch.part == Part::reasoning && options_.reasoning == ReasoningShown::apart) delta.reasoning += stretch.text;
    if (stretch.inserted) continue;
    decided_ += stretch.text.size();
    place_until(decided_, stretch.part, delta);
  }
  // A token without text waits for what stands before it, and no longer.
  const bool nothing_held = decided_ == answer_->bytes();
  while (nothing_held && !step.stopped && !waiting_.empty() && waiting_.front().textless) {
    place(waiting_.front(), answer_->part(), delta);
    waiting_.pop_front();
  }
  if (!step.stopped) return;
  finished_ = true;
  delta.finish_reason = "stop";
  if (answer_->part() == Part::reasoning) reasoning_tokens_ += static_cast<int64_t>(waiting_.size());
  waiting_.clear();  // those of the stop string
}

// A token belongs to the content if any byte of its text does: the white space that is dropped behind a tag is often one token
// with the word that follows.
void ChoiceText::place_until(size_t decided, Part part, Delta& delta) {
  const auto belongs = [&](const Waiting& token) { return token.begin < decided && (part == Part::content || token.end <= decided); };
  while (!waiting_.empty() && belongs(waiting_.front())) {
    place(waiting_.front(), part, delta);
    waiting_.pop_front();
  }
}

void ChoiceText::place(const Waiting& waiting, Part part, Delta& delta) {
  if (part != Part::content) {
    ++reasoning_tokens_;
  } else if (options_.logprobs) {
    delta.tokens.push_back(waiting.token);
  }
}

}  // namespace yoke::coordinator::api::openai
