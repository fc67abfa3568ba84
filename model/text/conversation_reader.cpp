// A chat request's body, read into a Conversation.
#include <fmt/format.h>

#include <boost/json.hpp>

#include <algorithm>

#include "core/error.h"
#include "model/text/conversation.h"

namespace yoke::model::text {
namespace {

namespace json = boost::json;

[[noreturn]] void wrong(const std::string& path, std::string_view what) {
  throw Error{Code::invalid_argument, fmt::format("{} {}", path, what), path};
}

const json::value* present(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value && !value->is_null() ? value : nullptr;
}

// Null where the field is missing; otherwise an array of at most `most` objects.
json::value objects_of(const json::object& body, std::string_view name, size_t most) {
  const json::value* value = present(body, name);
  if (!value) return nullptr;
  const std::string path(name);
  if (!value->is_array() || value->get_array().size() > most) wrong(path, fmt::format("must be an array of at most {} objects", most));
  const json::array& items = value->get_array();
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is_object()) wrong(fmt::format("{}[{}]", path, i), "must be an object");
  }
  return items;
}

// Where a kind of part keeps its text, by OpenAI's names for both of its APIs.
struct PartKind {
  std::string_view type, field;
};
constexpr PartKind kParts[] = {{"text", "text"}, {"input_text", "text"}, {"output_text", "text"}, {"refusal", "refusal"}};

json::value text_part(const json::value& part, const std::string& path) {
  if (part.is_string()) return json::object{{"type", "text"}, {"text", part}};
  if (!part.is_object()) wrong(path, "must be an object with a type");
  json::object fields = part.get_object();
  const json::value* given = present(fields, "type");
  if (given && !given->is_string()) wrong(path + ".type", "must be a string");
  const std::string type(given ? std::string_view(given->get_string()) : fields.contains("text") ? "text" : "");
  if (type.empty()) wrong(path + ".type", "is missing");
  const auto kind = std::find_if(std::begin(kParts), std::end(kParts), [&](const PartKind& row) { return row.type == type; });
  if (kind == std::end(kParts)) {
    const std::string shown = type.substr(0, 40);
    throw Error{Code::unsupported, fmt::format("{}: a part of type '{}' is not supported: text only", path, shown), path};
  }
  const json::value* text = present(fields, kind->field);
  if (!text || !text->is_string()) wrong(fmt::format("{}.{}", path, kind->field), "must be a string");
  const json::value words = *text;
  fields["type"] = "text";
  fields["text"] = words;
  return fields;
}

// What a tool gives back may be any JSON; of the others content is text, or parts of text.
void read_content(json::object& message, bool of_tool, const std::string& path) {
  json::value* content = message.if_contains("content");
  if (!content || (!content->is_array() && !content->is_object())) return;  // a number is printed, or fails in the template
  if (content->is_object()) {
    if (of_tool) return;
    wrong(path, "must be a string or an array of text parts");
  }
  json::array& parts = content->get_array();
  const auto is_typed = [](const json::value& part) {
    return part.is_string() || (part.is_object() && part.get_object().contains("type"));
  };
  if (of_tool && !std::all_of(parts.begin(), parts.end(), is_typed)) return;
  for (size_t i = 0; i < parts.size(); ++i) parts[i] = text_part(parts[i], fmt::format("{}[{}]", path, i));
}

void check_calls(const json::object& message, const std::string& path) {
  const json::value* calls = present(message, "tool_calls");
  if (!calls) return;
  if (!calls->is_array()) wrong(path, "must be an array of objects");
  for (size_t i = 0; i < calls->get_array().size(); ++i) {
    if (!calls->get_array()[i].is_object()) wrong(fmt::format("{}[{}]", path, i), "must be an object");
  }
}

json::object read_message(const json::value& given, const std::string& path) {
  if (!given.is_object()) wrong(path, "must be an object");
  json::object message = given.get_object();
  const json::value* role = present(message, "role");
  if (!role || !role->is_string() || role->get_string().empty()) wrong(path + ".role", "must be a string: system, user, assistant, ...");
  read_content(message, role->get_string() == "tool" || role->get_string() == "function", path + ".content");
  check_calls(message, path + ".tool_calls");
  return message;
}

json::array read_messages(const json::object& body) {
  const json::value* value = present(body, "messages");
  const json::array* given = value ? value->if_array() : nullptr;
  if (!given || given->empty() || given->size() > kMaxMessages) {
    wrong("messages", fmt::format("must be an array of 1 to {} messages", kMaxMessages));
  }
  json::array messages;
  messages.reserve(given->size());
  for (size_t i = 0; i < given->size(); ++i) messages.push_back(read_message((*given)[i], fmt::format("messages[{}]", i)));
  return messages;
}

json::object read_kwargs(const json::object& body) {
  const json::value* given = present(body, "chat_template_kwargs");
  if (!given) return {};
  if (!given->is_object()) wrong("chat_template_kwargs", "must be an object");
  json::object kwargs = given->get_object();
  if (kwargs.size() > kMaxTemplateKwargs) wrong("chat_template_kwargs", fmt::format("may have {} names", kMaxTemplateKwargs));
  for (const char* name : {"messages", "tools", "documents", "add_generation_prompt"}) {
    if (kwargs.contains(name)) wrong(fmt::format("chat_template_kwargs.{}", name), "is a field of the body's own");
  }
  return kwargs;
}

}  // namespace

Conversation read_conversation(const json::object& body) {
  Conversation conversation;
  conversation.messages = read_messages(body);
  conversation.tools = objects_of(body, "tools", kMaxTools);
  conversation.documents = objects_of(body, "documents", kMaxDocuments);
  conversation.kwargs = read_kwargs(body);
  if (const json::value* given = present(body, "add_generation_prompt")) {
    if (!given->is_bool()) wrong("add_generation_prompt", "must be true or false");
    conversation.add_generation_prompt = given->get_bool();
  }
  if (const json::value* effort = present(body, "reasoning_effort")) {
    if (!effort->is_string()) wrong("reasoning_effort", "must be a string");
    conversation.kwargs.emplace("reasoning_effort", *effort);
  }
  return conversation;
}

}  // namespace yoke::model::text
