#include "model/text/detokenizer.h"

#include "model/text/utf8.h"

namespace yoke::model::text {

std::string Detokenizer::push(TokenId token) {
  if (skip_special_ && tokenizer_->is_special(token)) return {};
  std::string_view bytes = tokenizer_->token_bytes(token);
  if (drops_space_ && !bytes.empty()) {
    if (bytes.front() == ' ') bytes.remove_prefix(1);
    drops_space_ = false;
  }
  held_ += bytes;
  std::string ready;
  size_t at = 0;
  while (at < held_.size()) {
    const Utf8Char c = read_char(held_, at);
    if (c.state == Utf8Char::State::unfinished) break;
    if (c.state == Utf8Char::State::well_formed) {
      ready.append(held_, at, c.bytes);
    } else {
      ready += kReplacementCharacter;
    }
    at += c.bytes;
  }
  held_.erase(0, at);
  return ready;
}

std::string Detokenizer::finish() {
  // What is held is one unfinished sequence, hence one maximal subpart.
  const std::string rest(held_.empty() ? std::string_view{} : kReplacementCharacter);
  held_.clear();
  return rest;
}

}  // namespace yoke::model::text
