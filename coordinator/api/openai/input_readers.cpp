// Prompts: text, or token ids.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "coordinator/api/openai/field_readers.h"
#include "coordinator/api/strict_json.h"

namespace yoke::coordinator::api::openai {

namespace json = boost::json;

std::vector<TokenId> tokens_of(const json::array& ids, const std::string& path, int64_t vocab) {
  std::vector<TokenId> tokens;
  tokens.reserve(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    const int64_t* id = ids[i].if_int64();
    const bool good = id != nullptr && *id >= 0 && *id < vocab;
    // The path is made for a bad one only: a body may hold a million ids.
    tokens.push_back(good ? static_cast<TokenId>(*id) : token_of(ids[i], fmt::format("{}[{}]", path, i), vocab));
  }
  return tokens;
}

// "text", ["text", ...], [id, ...] or [[id, ...], ...].
void read_prompt(Draft& draft, const json::value& value, const FieldContext& context) {
  if (value.is_string()) return void(draft.prompts.emplace_back(text_of(value, "prompt")));
  const json::array* items = value.if_array();
  if (items == nullptr || items->empty()) {
    throw Error(Code::invalid_argument, "prompt must be a string, an array of strings, of token ids, or of arrays of token ids",
                "prompt");
  }
  const int64_t vocab = context.model.config.vocab;
  if (items->front().is_number()) return void(draft.prompts.emplace_back(tokens_of(*items, "prompt", vocab)));
  if (items->size() > kMaxPrompts) {
    throw Error(Code::invalid_argument, fmt::format("prompt may hold {} prompts, got {}", kMaxPrompts, items->size()), "prompt");
  }
  const bool texts = items->front().is_string();
  for (size_t i = 0; i < items->size(); ++i) {
    const json::value& item = (*items)[i];
    const std::string path = fmt::format("prompt[{}]", i);
    if (texts) {
      draft.prompts.emplace_back(text_of(item, path));
    } else if (const json::array* ids = item.if_array()) {
      draft.prompts.emplace_back(tokens_of(*ids, path, vocab));
    } else {
      throw Error(Code::invalid_argument, fmt::format("{} must be an array of token ids, not {}", path, kind_name(item)), path);
    }
  }
}

}  // namespace yoke::coordinator::api::openai
