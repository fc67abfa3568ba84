#include "model/text/reasoning/format.h"

#include <algorithm>

#include "model/text/reasoning/whitespace.h"

namespace yoke::model::text::reasoning {
namespace {

struct Row {
  std::string_view open, close;
};
constexpr Row kTags[] = {
    {"<think>", "</think>"},                           // Qwen3, DeepSeek, GLM, MiniMax and most others
    {"[THINK]", "[/THINK]"},                           // Magistral
    {"<|START_THINKING|>", "<|END_THINKING|>"},        // Command A
};

constexpr size_t kTail = 16;  // tokens: a tag that is ordinary text, with the white space behind it, has fewer

// The token that a text is, as a template writes it. Some tokenizers put a mark of their own before it.
std::optional<TokenId> token_of(const Tokenizer& tokenizer, std::string_view text) {
  const std::vector<TokenId> ids = tokenizer.encode(text, AddedTokens::all);
  if (ids.empty() || tokenizer.token_bytes(ids.back()) != text) return {};
  return ids.back();
}

std::string tail_of(const Tokenizer& tokenizer, const std::vector<TokenId>& prompt) {
  std::string tail;
  for (size_t i = prompt.size() - std::min(prompt.size(), kTail); i < prompt.size(); ++i) tail += tokenizer.token_bytes(prompt[i]);
  return tail;
}

std::optional<Harmony> find_harmony(const Tokenizer& tokenizer, std::string_view chat_template, const std::vector<TokenId>& prompt) {
  if (chat_template.find("<|channel|>") == std::string_view::npos) return {};
  const auto start = token_of(tokenizer, "<|start|>"), channel = token_of(tokenizer, "<|channel|>");
  const auto message = token_of(tokenizer, "<|message|>"), end = token_of(tokenizer, "<|end|>");
  if (!start || !channel || !message || !end) return {};
  Harmony harmony{.start = *start,
                  .channel = *channel,
                  .message = *message,
                  .end = *end,
                  .done = token_of(tokenizer, "<|return|>"),
                  .call = token_of(tokenizer, "<|call|>"),
                  .constrain = token_of(tokenizer, "<|constrain|>"),
                  .begun = {}};
  const auto last = std::find(prompt.rbegin(), prompt.rend(), *start);
  if (last != prompt.rend()) harmony.begun.assign(last.base() - 1, prompt.end());
  return harmony;
}

}  // namespace

Format find_format(const Tokenizer& tokenizer, std::string_view chat_template, const std::vector<TokenId>& prompt) {
  if (auto harmony = find_harmony(tokenizer, chat_template, prompt)) return *std::move(harmony);
  for (const Row& row : kTags) {
    const bool there = chat_template.find(row.open) != std::string_view::npos || chat_template.find(row.close) != std::string_view::npos;
    if (!there) continue;
    const std::string tail = tail_of(tokenizer, prompt);
    return Tags{.open = std::string(row.open),
                .close = std::string(row.close),
                .open_id = token_of(tokenizer, row.open),
                .close_id = token_of(tokenizer, row.close),
                .inside = without_trailing_space(tail).ends_with(row.open)};
  }
  return {};
}

}  // namespace yoke::model::text::reasoning
