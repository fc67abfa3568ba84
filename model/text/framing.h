// What a model was trained to see around a text, or around two texts: BOS, EOS, [CLS] A [SEP] B [SEP]. In a tokenizer.json that is
// the post-processor. Values; any thread.
#pragma once

#include <vector>

#include "model/text/tokenizer.h"

namespace yoke::model::text {

struct FramePart {
  enum class Kind { first_text, second_text, token };
  Kind kind = Kind::first_text;
  int32_t type = 0;  // the token type of its ids
  TokenId id = 0;    // of a token
};

struct Framing {
  // As it is where a tokenizer's files say nothing.
  std::vector<FramePart> single = {{FramePart::Kind::first_text, 0, 0}};
  std::vector<FramePart> pair = {{FramePart::Kind::first_text, 0, 0}, {FramePart::Kind::second_text, 1, 0}};
};

Framed framed(const std::vector<FramePart>& parts, const std::vector<TokenId>& first, const std::vector<TokenId>& second);

}  // namespace yoke::model::text
