#include "coordinator/api/openai/prompt.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include <algorithm>

namespace yoke::coordinator::api::openai {
namespace {

namespace json = boost::json;
using model::text::AddedTokens;
using model::text::Tokenizer;

const Tokenizer& tokenizer_of(const ServedModel& model, const std::string& param) {
  if (model.tokenizer) return *model.tokenizer;
  throw Error(Code::unsupported, "this model has no tokenizer, so it takes prompts as token ids only (/v1/completions)", param);
}

json::object template_variables(const Draft& draft, const Tokenizer& tokenizer) {
  json::object variables = {{"messages", draft.messages},
                            {"tools", nullptr},
                            {"documents", nullptr},
                            {"add_generation_prompt", true}};
  for (const char* name : {"bos_token", "eos_token", "unk_token", "pad_token"}) {
    const std::string text = tokenizer.special_text(name);
    if (!text.empty()) variables[name] = text;
  }
  return variables;
}

[[noreturn]] void does_not_fit(const std::string& numbers, int64_t context, const std::string& param) {
  throw Error(Code::context_exceeded,
              fmt::format("this model's maximum context length is {} tokens; {}", context, numbers), param);
}

}  // namespace

Prompt chat_prompt(const Draft& draft, const ServedModel& model) {
  if (!model.chat_template) {
    throw Error(Code::unsupported, "this model has no chat template; use /v1/completions", "messages");
  }
  const Tokenizer& tokenizer = tokenizer_of(model, "messages");
  std::vector<model::text::Piece> pieces;
  try {
    pieces = model.chat_template->render(template_variables(draft, tokenizer));
  } catch (const Error& error) {
    if (error.code() != Code::invalid_argument) throw;
    throw Error(error.code(), std::string("the chat template refuses these messages: ") + error.what(), "messages");
  }
  return {.tokens = tokenizer.encode_pieces(pieces), .text = {}};
}

Prompt text_prompt(const PromptInput& input, size_t index, const ServedModel& model) {
  Prompt prompt;
  if (const auto* tokens = std::get_if<std::vector<TokenId>>(&input)) {
    prompt.tokens = *tokens;
    if (model.tokenizer) {
      for (const TokenId token : *tokens) prompt.text += model.tokenizer->token_bytes(token);
    }
  } else {
    prompt.text = std::get<std::string>(input);
    const Tokenizer& tokenizer = tokenizer_of(model, "prompt");
    // An empty prompt is the beginning of a text, if the model has a token for that.
    const bool wants_bos = tokenizer.bos() && (tokenizer.adds_bos() || prompt.text.empty());
    prompt.begins_with_bos = wants_bos;
    if (wants_bos) prompt.tokens.push_back(*tokenizer.bos());
    const auto rest = tokenizer.encode(prompt.text, AddedTokens::all);
    prompt.tokens.insert(prompt.tokens.end(), rest.begin(), rest.end());
  }
  if (!prompt.tokens.empty()) return prompt;
  throw Error(Code::invalid_argument, fmt::format("prompt {} is empty", index), "prompt");
}

int64_t tokens_to_generate(const Draft& draft, const Prompt& prompt, const ServedModel& model, const std::string& prompt_field) {
  const int64_t context = model.config.context_length;
  const int64_t used = static_cast<int64_t>(prompt.tokens.size());
  if (draft.max_tokens == 0) {
    if (used > context) does_not_fit(fmt::format("the prompt has {}", used), context, prompt_field);
    return 0;
  }
  if (used >= context) {
    does_not_fit(fmt::format("the prompt has {}, which leaves none for an answer", used), context, prompt_field);
  }
  return std::min(draft.max_tokens.value_or(context), context - used);
}

}  // namespace yoke::coordinator::api::openai
