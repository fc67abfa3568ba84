// The JSON of OpenAI's two generating endpoints, whole and in chunks. Field names and shapes: OpenAI's API reference;
// token_ids and prompt_token_ids: vLLM.
#pragma once

#include <boost/json/object.hpp>

#include <string>
#include <vector>

#include "coordinator/api/openai/choice_text.h"
#include "model/text/tokenizer.h"

namespace yoke::coordinator::api::openai {

// What stands in every object of one response.
struct Identity {
  bool chat = false;
  std::string id;           // "chatcmpl-...", "cmpl-..."
  int64_t created = 0;      // unix seconds
  std::string model;        // as the client called it
  std::string fingerprint;  // changes when the bits may
};

struct Usage {
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;
  std::optional<int64_t> reasoning_tokens;  // of the completion's; none for a model that does not think
};

// What the client asked to see.
struct Shown {
  bool logprobs = false;
  bool token_ids = false;
  bool special_bytes = false;  // special tokens stand in the text
};

class Shapes {
 public:
  // `tokenizer` may be null: tokens are then called "token_id:17".
  Shapes(Identity identity, Shown shown, const model::text::Tokenizer* tokenizer)
      : identity_(std::move(identity)), shown_(shown), tokenizer_(tokenizer) {}

  const Identity& identity() const { return identity_; }
  boost::json::object usage(const Usage& usage) const;

  // "chat.completion" or "text_completion", without choices.
  boost::json::object whole() const;
  boost::json::object whole_choice(int index, const Delta& all, const std::vector<TokenId>& prompt) const;

  // "chat.completion.chunk" or "text_completion" with one choice, or none.
  boost::json::object chunk() const;
  boost::json::object role_chunk(int index) const;  // the first of a chat's choice
  boost::json::object delta_chunk(int index, const Delta& delta) const;  // of reasoning or of content, not both
  boost::json::object finish_chunk(int index, const std::string& reason) const;  // the last of a chat's choice

 private:
  boost::json::object head(const char* object) const;
  boost::json::object with_choice(boost::json::object choice) const;
  boost::json::value logprobs(const std::vector<ShownToken>& tokens) const;
  boost::json::object chat_logprobs(const std::vector<ShownToken>& tokens) const;
  boost::json::object text_logprobs(const std::vector<ShownToken>& tokens) const;
  boost::json::object chat_token(TokenId token, float logprob, bool first) const;
  std::string token_name(TokenId token, bool first) const;

  const Identity identity_;
  const Shown shown_;
  const model::text::Tokenizer* tokenizer_;
};

// The characters of a token as a text shows it: the first token's space may be the tokenizer's own mark.
int64_t shown_characters(const model::text::Tokenizer& tokenizer, const ShownToken& token);

}  // namespace yoke::coordinator::api::openai
