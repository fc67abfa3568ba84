// From tokens to text, a token at a time, with the signs that divide an answer where tokens do it. A character is never cut:
// where a sign stands inside one, its bytes become U+FFFD before the sign. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/text/reasoning/format.h"

namespace yoke::model::text::reasoning {

enum class Part { content, reasoning, hidden };

enum class Sign {
  none,             // ordinary text
  open, close,      // `text` is the tag
  gap,              // a message of several has ended; no text
  says, thinks,     // a message begins, of content or of reasoning; no text
};

struct Run {
  std::string text;
  Sign sign = Sign::none;
  bool special = false;  // a tag that the model's text does not show
};

class Reader {
 public:
  virtual ~Reader() = default;
  // Appends what the token brings; false where it is a part of the format (a message's head) and of no text.
  virtual bool read(TokenId token, std::vector<Run>& runs) = 0;
  virtual void finish(std::vector<Run>& runs) = 0;  // what was held
};

// `marked`: the signs stay in the text, as all special tokens do, and divide nothing.
std::unique_ptr<Reader> make_reader(const Tokenizer& tokenizer, const Format& format, bool marked);

}  // namespace yoke::model::text::reasoning
