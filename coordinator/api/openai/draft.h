// A request of OpenAI's kind after its JSON was understood, and before its text became tokens.
#pragma once

#include <boost/json/array.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "coordinator/request.h"

namespace yoke::coordinator::api::openai {

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

  // Chat only.
  boost::json::array messages;         // objects of strings, as a chat template takes them
  bool chat_logprobs = false;
  std::optional<int> top_logprobs;

  // Completions only.
  std::vector<PromptInput> prompts;
  bool echo = false;
};

}  // namespace yoke::coordinator::api::openai
