// How a model marks its thinking, for one prompt: between two tags (<think> ... </think>), in channels (gpt-oss's harmony
// format), or not at all. A pure function of the vocabulary, the chat template and the prompt; immutable, any thread.
//
// A row of tags applies where the template's text has one of the two: a model that was not trained to think sees no change,
// whatever it writes about tags. Where the vocabulary has a tag as a token of its own, that token alone is the tag: "</think>"
// spelled in pieces is a model that talks about it. Where it has none, the text is searched. The answer begins inside where
// the prompt ends with the opening tag; elsewhere a model may open one itself, before anything else that it says.
//
// Formats: the chat templates of Qwen3, DeepSeek R1 and V3.1, GLM 4.5, MiniMax M2, Magistral and Command A; harmony is
// described in the openai-harmony package.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/text/tokenizer.h"

namespace yoke::model::text::reasoning {

struct Tags {
  std::string open, close;
  std::optional<TokenId> open_id, close_id;  // none: ordinary text, perhaps cut across tokens
  bool inside = false;                       // where the answer begins
};

// <|start|>role<|channel|>name<|message|>text<|end|>; what has another ending is the last message.
struct Harmony {
  TokenId start = 0, channel = 0, message = 0, end = 0;
  std::optional<TokenId> done, call, constrain;  // <|return|>, <|call|>, <|constrain|>
  std::vector<TokenId> begun;                    // the message that the prompt ends in, from its <|start|>
};

using Format = std::variant<std::monostate, Tags, Harmony>;

Format find_format(const Tokenizer& tokenizer, std::string_view chat_template, const std::vector<TokenId>& prompt);

inline bool thinks(const Format& format) { return !std::holds_alternative<std::monostate>(format); }

}  // namespace yoke::model::text::reasoning
