// One choice of an answer: tokens in, text out, that never holds half a character or any part of a stop string. One thread.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/api/openai/draft.h"
#include "coordinator/request.h"
#include "model/text/reasoning/answer.h"

namespace yoke::coordinator::api::openai {

// A token with its log-probability, as `logprobs` shows it.
struct ShownToken {
  TokenId token = 0;
  std::optional<float> logprob;  // none for a prompt's first token
  std::vector<Logprob> top;
  int64_t text_offset = 0;       // in characters, where its text begins in the choice's text
  bool first = false;            // of a text whose first space may be the tokenizer's own mark
};

// What became certain by an event, and may be sent.
struct Delta {
  std::string reasoning;            // before `text`
  std::string text;
  std::vector<ShownToken> tokens;   // those whose text is in `text`, if logprobs were asked for
  std::vector<TokenId> ids;         // every token that the model made
  std::optional<std::string> finish_reason;

  bool empty() const { return reasoning.empty() && text.empty() && tokens.empty() && ids.empty() && !finish_reason; }
};

class ChoiceText {
 public:
  struct Options {
    std::vector<std::string> stop;
    std::vector<TokenId> end_tokens;  // they end the answer and are no part of its text
    bool logprobs = false;
    bool token_ids = false;
    ReasoningShown reasoning = ReasoningShown::apart;
  };
  // Without a tokenizer (null) there is no text, only tokens.
  ChoiceText(const model::text::Tokenizer* tokenizer, const model::text::reasoning::Format& format, Options options);

  // `echo`: the prompt stands before the answer. `tokens` is empty without logprobs.
  Delta begin_with(const std::string& text, std::vector<ShownToken> tokens);
  // A stop string may finish the choice here.
  Delta push(const TokenEvent& event);
  // `reason` is FinishReason::stop or length.
  Delta finish(FinishReason reason);

  bool finished() const { return finished_; }
  int64_t tokens() const { return tokens_; }
  // Of those, all that are neither content nor the token that ended the answer: thoughts, tags, heads of messages.
  int64_t reasoning_tokens() const { return reasoning_tokens_; }

 private:
  using Answer = model::text::reasoning::Answer;
  using Part = model::text::reasoning::Part;
  // A token whose part in the answer is not decided yet; as many as a stop string or a tag is long, at most.
  struct Waiting {
    ShownToken token;
    size_t begin, end;  // in bytes of the answer; equal while its bytes are only the beginning of a character
    bool textless;      // it has none of its own (a special token, or any without a tokenizer)
  };

  bool is_textless(TokenId token) const;
  void take(Answer::Step step, Delta& delta);
  void place(const Waiting& waiting, Part part, Delta& delta);
  void place_until(size_t decided, Part part, Delta& delta);

  const model::text::Tokenizer* tokenizer_;
  const Options options_;
  std::optional<Answer> answer_;  // none without a tokenizer
  std::deque<Waiting> waiting_;
  size_t decided_ = 0;            // bytes of the answer whose part is known
  int64_t echoed_ = 0;            // characters
  int64_t tokens_ = 0;
  int64_t reasoning_tokens_ = 0;
  bool begun_ = false;            // some token brought bytes
  bool finished_ = false;
};

}  // namespace yoke::coordinator::api::openai
