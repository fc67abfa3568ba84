// One choice of an answer: tokens in, text out, that never holds half a character or any part of a stop string. One thread.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/request.h"
#include "model/text/detokenizer.h"
#include "model/text/stop_matcher.h"

namespace yoke::coordinator::api::openai {

// A token with its log-probability, as `logprobs` shows it.
struct ShownToken {
  TokenId token = 0;
  std::optional<float> logprob;  // none for a prompt's first token
  std::vector<Logprob> top;
  int64_t text_offset = 0;       // in characters, where its text begins in the choice's text
};

// What became certain by an event, and may be sent.
struct Delta {
  std::string text;
  std::vector<ShownToken> tokens;   // those whose text is in `text`, if logprobs were asked for
  std::vector<TokenId> ids;         // every token that the model made
  std::optional<std::string> finish_reason;

  bool empty() const { return text.empty() && tokens.empty() && ids.empty() && !finish_reason; }
};

class ChoiceText {
 public:
  struct Options {
    std::vector<std::string> stop;
    std::vector<TokenId> end_tokens;  // they end the answer and are no part of its text
    bool logprobs = false;
    bool token_ids = false;
  };
  // Without a tokenizer (null) there is no text, only tokens.
  ChoiceText(const model::text::Tokenizer* tokenizer, Options options);

  // `echo`: the prompt stands before the answer. `tokens` is empty without logprobs.
  Delta begin_with(const std::string& text, std::vector<ShownToken> tokens);
  // A stop string may finish the choice here.
  Delta push(const TokenEvent& event);
  // `reason` is FinishReason::stop or length.
  Delta finish(FinishReason reason);

  bool finished() const { return finished_; }
  int64_t tokens() const { return tokens_; }

 private:
  struct Waiting {
    ShownToken token;
    size_t begin;  // in bytes of made_
  };

  void take(const std::string& text, bool stopped, Delta& delta);

  const model::text::Tokenizer* tokenizer_;
  const Options options_;
  std::optional<model::text::Detokenizer> detokenizer_;
  model::text::StopMatcher matcher_;
  std::deque<Waiting> waiting_;  // tokens whose text is held back; as many as a stop string is long, at most
  size_t made_ = 0;              // bytes that left the detokenizer
  size_t sent_ = 0;              // bytes that left the matcher
  int64_t characters_ = 0;       // of what left the detokenizer, and of the echo
  int64_t tokens_ = 0;
  bool finished_ = false;
};

// Unicode characters (code points) in UTF-8 text.
int64_t characters_in(std::string_view text);

}  // namespace yoke::coordinator::api::openai
