// A request of OpenAI's kind after its JSON was understood, and before its text became tokens.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "coordinator/request.h"
#include "model/text/conversation.h"

namespace yoke::coordinator::api::openai {

// What happens to a model's thinking.
enum class ReasoningShown {
  apart,       // in reasoning_content
  dropped,     // include_reasoning: false
  in_content,  // reasoning_format: "none": undivided, with its tags
};

using PromptInput = std::variant<std::string, std::vector<TokenId>>;

struct Draft {
  std::string model;                   // the name that the client used
  SamplingParams sampling;             // .seed and .choice are filled in per request
  std::optional<uint64_t> seed;
  int choices = 1;                     // `n`
  std::optional<int64_t> max_tokens;   // none: the rest of the context
  std::string max_tokens_field;        // which field said so, for a message
  std::vector<std::string> stop;
  bool stream = false;
  bool include_usage = false;
  bool has_stream_options = false;
  bool ignore_eos = false;
  bool return_token_ids = false;
  std::optional<bool> add_special_tokens;  // default: of a chat false, its template writes them; of a text true

  // Chat only.
  model::text::Conversation conversation;
  std::map<std::string, std::string, std::less<>> templates_own_keys;  // of messages, that only some templates read; and where one stands
  std::string chat_template;           // the request's own; empty: the model's
  bool hides_tools = false;            // tool_choice: "none"
  std::optional<bool> parallel_tool_calls;
  bool continues_final_message = false;
  bool chat_logprobs = false;
  std::optional<int> top_logprobs;
  ReasoningShown reasoning = ReasoningShown::apart;

  // Completions only.
  std::vector<PromptInput> prompts;
  bool echo = false;
};

}  // namespace yoke::coordinator::api::openai
