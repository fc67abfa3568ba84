// From a Draft's text to the model's tokens.
#pragma once

#include <string>
#include <vector>

#include "coordinator/api/openai/draft.h"
#include "coordinator/served_model.h"

namespace yoke::coordinator::api::openai {

struct Prompt {
  std::vector<TokenId> tokens;
  std::string text;        // what `echo` repeats; empty for chats
  bool begins_with_bos = false;  // a BOS that we put there, which has no place in `text`
};

// The template's pieces as tokens. What the caller wrote never becomes a special token, whatever it spells.
// Error{unsupported} for a model without a chat template or tokenizer, {invalid_argument} with param "messages" where the
// template refuses, {context_exceeded}.
Prompt chat_prompt(const Draft& draft, const ServedModel& model);

// One of a completion's prompts; in a raw prompt special tokens are recognised, for that is how a caller writes a template of
// its own. `index` is for messages.
Prompt text_prompt(const PromptInput& input, size_t index, const ServedModel& model);

// max_tokens of a request with this prompt: what the client said, or the rest of the context. Error{context_exceeded}, with
// the numbers, where they do not fit.
int64_t tokens_to_generate(const Draft& draft, const Prompt& prompt, const ServedModel& model, const std::string& prompt_field);

}  // namespace yoke::coordinator::api::openai
