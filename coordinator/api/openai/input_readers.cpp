// The fields that carry text: messages and prompt.
#include <fmt/format.h>

#include <boost/json.hpp>

#include <algorithm>

#include "coordinator/api/error_reply.h"
#include "coordinator/api/openai/field_readers.h"
#include "coordinator/api/strict_json.h"

namespace yoke::coordinator::api::openai {
namespace {

namespace json = boost::json;

constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant"};

[[noreturn]] void unsupported(const std::string& path, std::string_view what) {
  throw Error(Code::unsupported, fmt::format("{}: {} is not supported by this server", path, what), path);
}

std::string role_of(const json::value& value, const std::string& path) {
  const std::string role = text_of(value, path);
  if (std::find(std::begin(kRoles), std::end(kRoles), role) != std::end(kRoles)) return role;
  if (role == "tool" || role == "function") unsupported(path, "the role " + role);
  throw Error(Code::invalid_argument,
              fmt::format("{} must be system, developer, user or assistant, got {}", path, printable(role)), path);
}

// A string, or text parts, which are joined by newlines.
std::string content_of(const json::value& value, const std::string& path) {
  if (value.is_string()) return text_of(value, path);
  if (!value.is_array()) {
    throw Error(Code::invalid_argument,
                fmt::format("{} must be a string or an array of text parts, not {}", path, kind_name(value)), path);
  }
  std::string text;
  const json::array& parts = value.get_array();
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string at = fmt::format("{}[{}]", path, i);
    const json::object* part = parts[i].if_object();
    if (part == nullptr) throw Error(Code::invalid_argument, fmt::format("{} must be an object", at), at);
    const json::value* type = part->if_contains("type");
    const std::string kind = text_of(type != nullptr ? *type : json::value(), at + ".type");
    if (kind != "text") unsupported(at + ".type", "a part of type " + printable(kind));
    for (const auto& member : *part) {
      if (member.key() != "type" && member.key() != "text") unsupported(at + "." + printable(member.key()), "this field");
    }
    const json::value* words = part->if_contains("text");
    if (i > 0) text += '\n';
    text += text_of(words != nullptr ? *words : json::value(), at + ".text");
  }
  return text;
}

json::object message_of(const json::value& value, const std::string& path) {
  const json::object* fields = value.if_object();
  if (fields == nullptr) {
    throw Error(Code::invalid_argument, fmt::format("{} must be an object, not {}", path, kind_name(value)), path);
  }
  json::object message;
  for (const char* name : {"role", "content"}) {
    const json::value* field = fields->if_contains(name);
    const std::string at = path + "." + name;
    if (field == nullptr || field->is_null()) throw Error(Code::invalid_argument, at + " is missing", at);
    message[name] = name == std::string_view("role") ? role_of(*field, at) : content_of(*field, at);
  }
  for (const auto& member : *fields) {
    if (message.contains(member.key()) || member.value().is_null()) continue;  // a client may send back what we answered
    const std::string at = path + "." + printable(member.key());
    if (member.key() != "name") unsupported(at, "this field");
    message["name"] = text_of(member.value(), at);
  }
  return message;
}

}  // namespace

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

void read_messages(Draft& draft, const json::value& value, const FieldContext&) {
  const json::array* messages = value.if_array();
  if (messages == nullptr || messages->empty() || messages->size() > kMaxMessages) {
    throw Error(Code::invalid_argument, fmt::format("messages must be an array of 1 to {} messages", kMaxMessages), "messages");
  }
  for (size_t i = 0; i < messages->size(); ++i) {
    draft.messages.push_back(message_of((*messages)[i], fmt::format("messages[{}]", i)));
  }
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
