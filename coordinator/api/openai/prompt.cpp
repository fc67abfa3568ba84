#include "coordinator/api/openai/prompt.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/api/openai/continuation.h"

namespace yoke::coordinator::api::openai {
namespace {

using model::text::AddedTokens;
using model::text::ChatTemplate;
using model::text::Tokenizer;

// The caller's words for what can go wrong with them are those of its field.
ServedTemplate requests_template(const std::string& source) {
  try {
    return make_template(source);
  } catch (const Error& error) {
    throw Error(Code::invalid_argument, error.what(), "chat_template");
  }
}

ServedTemplate models_template(const Draft& draft, const ServedModel& model) {
  const auto found = model::text::find_template(model.chat_templates, draft.conversation);
  if (found != model.chat_templates.end()) return found->second;
  throw Error(Code::unsupported,
              "this model has no chat template; use /v1/completions, or start the server with --chat-template FILE", "messages");
}

std::shared_ptr<const ChatTemplate> template_for(const Draft& draft, const ServedModel& model) {
  const ServedTemplate chosen = draft.chat_template.empty() ? models_template(draft, model) : requests_template(draft.chat_template);
  if (chosen.program) return chosen.program;
  throw Error(Code::unsupported, chosen.why_not, draft.chat_template.empty() ? "messages" : "chat_template");
}

// A template leaves out what it has no word for, and nobody would know.
void refuse_unread(const Draft& draft, const ChatTemplate& chat_template) {
  const auto check = [&](const std::string& word, const std::string& path) {
    if (chat_template.source().find(word) != std::string::npos) return;
    throw Error(Code::unsupported,
                fmt::format("{}: this model's chat template does not read it; leave it out, or start the server with a --chat-template "
                            "that does", path), path);
  };
  if (!draft.conversation.tools.is_null()) check("tools", "tools");
  if (!draft.conversation.documents.is_null()) check("documents", "documents");
  for (const auto& [key, path] : draft.templates_own_keys) check(key, path);
}

std::vector<model::text::Piece> rendered(const Draft& draft, const ChatTemplate& chat_template, const Tokenizer& tokenizer) {
  const model::text::ConversationOptions options{.manner = model::text::Manner::served, .limits = {}};
  if (!draft.continues_final_message) return model::text::render(chat_template, draft.conversation, tokenizer, options);
  model::text::Conversation conversation = draft.conversation;
  mark_final_message(conversation.messages);
  std::vector<model::text::Piece> pieces = model::text::render(chat_template, conversation, tokenizer, options);
  cut_at_mark(pieces);
  return pieces;
}

[[noreturn]] void does_not_fit(const std::string& numbers, int64_t context, const std::string& param) {
  throw Error(Code::context_exceeded,
              fmt::format("this model's maximum context length is {} tokens; {}", context, numbers), param);
}

}  // namespace

const Tokenizer& tokenizer_for(const ServedModel& model, const std::string& param) {
  if (model.tokenizer) return *model.tokenizer;
  throw Error(Code::unsupported,
              fmt::format("this model has no tokenizer ({}), so it takes prompts as token ids only (/v1/completions)",
                          model.why_no_tokenizer), param);
}

Prompt chat_prompt(const Draft& draft, const ServedModel& model) {
  const Tokenizer& tokenizer = tokenizer_for(model, "messages");
  const std::shared_ptr<const ChatTemplate> chat_template = template_for(draft, model);
  refuse_unread(draft, *chat_template);
  Prompt prompt;
  prompt.tokens = tokenizer.encode_pieces(rendered(draft, *chat_template, tokenizer));
  if (draft.add_special_tokens.value_or(false)) prompt.tokens = tokenizer.frame(prompt.tokens).ids;
  if (prompt.tokens.empty()) throw Error(Code::invalid_argument, "the chat template makes nothing of these messages", "messages");
  prompt.reasoning = model::text::reasoning::find_format(tokenizer, chat_template->source(), prompt.tokens);
  return prompt;
}

Prompt text_prompt(const Draft& draft, size_t index, const ServedModel& model) {
  const PromptInput& input = draft.prompts[index];
  Prompt prompt;
  if (const auto* tokens = std::get_if<std::vector<TokenId>>(&input)) {
    prompt.tokens = *tokens;
    if (model.tokenizer) {
      for (const TokenId token : *tokens) prompt.text += model.tokenizer->token_bytes(token);
    }
  } else {
    prompt.text = std::get<std::string>(input);
    const Tokenizer& tokenizer = tokenizer_for(model, "prompt");
    // An empty prompt is the beginning of a text, if the model has a token for that.
    const bool wants_bos = tokenizer.bos() && (tokenizer.adds_bos() || prompt.text.empty());
    prompt.begins_with_bos = wants_bos && draft.add_special_tokens.value_or(true);
    if (prompt.begins_with_bos) prompt.tokens.push_back(*tokenizer.bos());
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
