// From a Draft's text to the model's tokens.
#pragma once

#include <string>
#include <vector>

#include "coordinator/api/openai/draft.h"
#include "coordinator/served_model.h"
#include "model/text/reasoning/format.h"

namespace yoke::coordinator::api::openai {

struct Prompt {
  std::vector<TokenId> tokens;
  std::string text;        // what `echo` repeats; empty for chats
  model::text::reasoning::Format reasoning;  // of the answer; a completion has none
  bool begins_with_bos = false;  // a BOS that we put there, which has no place in `text`
};

// The template's pieces as tokens. What the caller wrote never becomes a special token, whatever it spells.
// Error{unsupported} for a model without a chat template or tokenizer, and for tools, documents or keys of messages that the
// template does not read; {invalid_argument} where it refuses, in its own words, or passes a limit.
Prompt chat_prompt(const Draft& draft, const ServedModel& model);

// One of a completion's prompts; in a raw prompt special tokens are recognised, for that is how a caller writes a template of
// its own. `index` is for messages.
Prompt text_prompt(const Draft& draft, size_t index, const ServedModel& model);

// Error{unsupported} that says why there is none, and what works.
const model::text::Tokenizer& tokenizer_for(const ServedModel& model, const std::string& param);

// How many tokens a request with this prompt may get: what the client said, and never more than the rest of the context. A
// coding agent asks for 32000 whatever the model is; its answer ends with "length" where the context does.
// Error{context_exceeded}, with the numbers, where the prompt leaves no room for one.
int64_t tokens_to_generate(const Draft& draft, const Prompt& prompt, const ServedModel& model, const std::string& prompt_field);

}  // namespace yoke::coordinator::api::openai
