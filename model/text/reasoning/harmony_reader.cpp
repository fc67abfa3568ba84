#include "model/text/reasoning/harmony_reader.h"

#include <utility>

#include "model/text/reasoning/whitespace.h"

namespace yoke::model::text::reasoning {
namespace {

constexpr std::string_view kChannel = "<|channel|>", kTo = "to=";

// A head that goes on after the role, or may do so with the next token.
bool may_be_head(std::string_view text) {
  text.remove_prefix(leading_space(text));
  return text.substr(0, kTo.size()) == kTo.substr(0, text.size());
}

Sign sign_of(std::string_view head) {
  const bool calls = head.starts_with(kTo) || head.find(" to=") != std::string_view::npos;
  const size_t at = head.find(kChannel);
  if (calls || at == std::string_view::npos) return Sign::says;
  std::string_view name = head.substr(at + kChannel.size());
  name.remove_prefix(leading_space(name));
  return name.substr(0, name.find_first_of(" \t\n\r<")) == "analysis" ? Sign::thinks : Sign::says;
}

}  // namespace

HarmonyReader::HarmonyReader(const Tokenizer& tokenizer, const Harmony& format)
    : tokenizer_(tokenizer), format_(format), text_(tokenizer, /*skip_special=*/true) {
  std::vector<Run> prompt;
  for (const TokenId token : format_.begun) read(token, prompt);
  text_.finish();
  untold_ = state_ == State::body;
  // The prompt has written the role; the answer goes on with the channel.
  if (state_ == State::head && head_.find(kChannel) == std::string::npos) {
    state_ = State::between;
    head_ids_.clear();
    head_.clear();
  }
}

bool HarmonyReader::read(TokenId token, std::vector<Run>& runs) {
  tell_prompts_part(runs);
  if (token == format_.end || token == format_.done || token == format_.call) {
    leave_body(runs);
    state_ = State::between;
    return false;
  }
  if (token == format_.start) {
    leave_body(runs);
    state_ = State::head;
    return false;
  }
  if (token == format_.message) {
    if (state_ != State::body) enter_body(runs);
    return false;
  }
  if (token == format_.channel || token == format_.constrain) {
    if (state_ == State::body) leave_body(runs);
    state_ = State::head;
    head_ids_.push_back(token);
    head_ += tokenizer_.token_bytes(token);
    return false;
  }
  return read_word(token, runs);
}

bool HarmonyReader::read_word(TokenId token, std::vector<Run>& runs) {
  if (state_ == State::body) {
    runs.push_back({.text = text_.push(token)});
    return true;
  }
  if (tokenizer_.is_special(token)) return true;
  head_ids_.push_back(token);
  head_ += tokenizer_.token_bytes(token);
  const bool head = state_ == State::head ? head_.size() <= kMaxHead : may_be_head(head_) && head_.size() <= kMaxHead;
  if (!head) say_head(runs);
  return !head;
}

void HarmonyReader::leave_body(std::vector<Run>& runs) {
  if (state_ == State::body) {
    runs.push_back({.text = text_.finish()});
    runs.push_back({.text = {}, .sign = Sign::gap});
  }
  head_ids_.clear();
  head_.clear();
}

void HarmonyReader::enter_body(std::vector<Run>& runs) {
  sign_ = sign_of(head_);
  runs.push_back({.text = {}, .sign = sign_});
  state_ = State::body;
  head_ids_.clear();
  head_.clear();
}

// Where the prompt ends inside a message, the answer goes on with that one's part.
void HarmonyReader::tell_prompts_part(std::vector<Run>& runs) {
  if (std::exchange(untold_, false)) runs.push_back({.text = {}, .sign = sign_});
}

// It was no head.
void HarmonyReader::say_head(std::vector<Run>& runs) {
  const std::vector<TokenId> words = std::move(head_ids_);
  head_ = {};
  enter_body(runs);
  for (const TokenId token : words) runs.push_back({.text = text_.push(token)});
}

void HarmonyReader::finish(std::vector<Run>& runs) {
  if (state_ == State::between && !head_ids_.empty()) say_head(runs);
  runs.push_back({.text = text_.finish()});
}

}  // namespace yoke::model::text::reasoning
