// gpt-oss's answers: messages with a head that names their channel. The channel `analysis` is reasoning; `final` and
// `commentary` are content, and so is a call of a tool (a head with " to=NAME"), whose arguments stay in the text for now.
// Heads are never shown. A model that does not speak the format, because its first word is no head, says content; so does a
// head of more than kMaxHead bytes.
#pragma once

#include <vector>

#include "model/text/detokenizer.h"
#include "model/text/reasoning/reader.h"

namespace yoke::model::text::reasoning {

class HarmonyReader : public Reader {
 public:
  HarmonyReader(const Tokenizer& tokenizer, const Harmony& format);

  bool read(TokenId token, std::vector<Run>& runs) override;
  void finish(std::vector<Run>& runs) override;

 private:
  static constexpr size_t kMaxHead = 256;
  enum class State { between, head, body };

  void leave_body(std::vector<Run>& runs);
  void enter_body(std::vector<Run>& runs);
  bool read_word(TokenId token, std::vector<Run>& runs);
  void tell_prompts_part(std::vector<Run>& runs);
  void say_head(std::vector<Run>& runs);

  const Tokenizer& tokenizer_;
  const Harmony format_;
  Detokenizer text_;
  State state_ = State::between;
  Sign sign_ = Sign::says;  // of the message whose body is read
  bool untold_ = false;
  std::vector<TokenId> head_ids_;
  std::string head_;
};

}  // namespace yoke::model::text::reasoning
