#include "coordinator/api/openai/choice_text.h"

#include <algorithm>

namespace yoke::coordinator::api::openai {

int64_t characters_in(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

ChoiceText::ChoiceText(const model::text::Tokenizer* tokenizer, Options options)
    : tokenizer_(tokenizer), options_(std::move(options)), matcher_(options_.stop) {
  if (tokenizer_ != nullptr) detokenizer_.emplace(*tokenizer_, /*skip_special=*/true);
}

Delta ChoiceText::begin_with(const std::string& text, std::vector<ShownToken> tokens) {
  characters_ += characters_in(text);
  return {.text = text, .tokens = std::move(tokens), .ids = {}, .finish_reason = {}};
}

Delta ChoiceText::push(const TokenEvent& event) {
  Delta delta;
  if (finished_) return delta;
  ++tokens_;
  if (options_.token_ids) delta.ids.push_back(event.token);
  const auto& ends = options_.end_tokens;
  if (std::find(ends.begin(), ends.end(), event.token) != ends.end()) return delta;
  if (options_.logprobs) {
    waiting_.push_back({{event.token, event.logprob, event.top, characters_}, made_});
  }
  const std::string text = detokenizer_ ? detokenizer_->push(event.token) : std::string();
  made_ += text.size();
  characters_ += characters_in(text);
  auto matched = matcher_.push(text);
  take(matched.text, matched.stopped, delta);
  if (matched.stopped) {
    finished_ = true;
    delta.finish_reason = "stop";
  }
  return delta;
}

Delta ChoiceText::finish(FinishReason reason) {
  Delta delta;
  if (finished_) return delta;
  finished_ = true;
  const std::string rest = detokenizer_ ? detokenizer_->finish() : std::string();
  made_ += rest.size();
  auto matched = matcher_.push(rest);
  std::string text = matched.text;
  if (!matched.stopped) text += matcher_.finish();
  take(text, matched.stopped, delta);
  if (!matched.stopped) {
    for (Waiting& left : waiting_) delta.tokens.push_back(std::move(left.token));
  }
  waiting_.clear();
  delta.finish_reason = reason == FinishReason::length && !matched.stopped ? "length" : "stop";
  return delta;
}

// Tokens are shown when the first byte of their text is: those of a stop string never are. A token without text of its own
// (a special one, or any without a tokenizer) waits for what stands before it only.
void ChoiceText::take(const std::string& text, bool stopped, Delta& delta) {
  sent_ += text.size();
  delta.text = text;
  const bool nothing_held = !stopped && sent_ == made_;
  while (!waiting_.empty()) {
    const Waiting& front = waiting_.front();
    const bool textless = tokenizer_ == nullptr || tokenizer_->is_special(front.token.token);
    if (front.begin >= sent_ && !(textless && nothing_held)) break;
    delta.tokens.push_back(std::move(waiting_.front().token));
    waiting_.pop_front();
  }
}

}  // namespace yoke::coordinator::api::openai
