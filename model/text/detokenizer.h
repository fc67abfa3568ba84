// Token ids to text as a stream: sends all but a trailing unfinished UTF-8 sequence, so a piece never holds half a
// character; ill-formed bytes become U+FFFD per maximal subpart (Unicode, table 3-7). Where the tokenizer says so, a space at the
// beginning of the whole is left out. One thread.
#pragma once

#include <string>

#include "model/text/tokenizer.h"

namespace yoke::model::text {

class Detokenizer {
 public:
  Detokenizer(const Tokenizer& tokenizer, bool skip_special)
      : tokenizer_(&tokenizer), skip_special_(skip_special), drops_space_(tokenizer.drops_first_space()) {}

  std::string push(TokenId token);  // what may be sent now; may be empty
  std::string finish();             // what was held, as U+FFFD
  size_t held() const { return held_.size(); }  // bytes of the unfinished sequence

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_;
  bool drops_space_;  // the next byte, if it is a space
  std::string held_;
};

}  // namespace yoke::model::text
