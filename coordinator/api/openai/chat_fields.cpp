#include "coordinator/api/openai/chat_fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json.hpp>

#include <algorithm>

#include "coordinator/api/error_reply.h"
#include "coordinator/api/openai/field_readers.h"
#include "coordinator/api/strict_json.h"

namespace yoke::coordinator::api::openai {
namespace {

namespace json = boost::json;

// A template may drop a message of a role that it does not know without a word, so roles are OpenAI's.
constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant", "tool", "function"};
constexpr std::string_view kEfforts[] = {"none", "minimal", "low", "medium", "high", "xhigh"};
// What templates are known to read, under several names.
constexpr std::string_view kMessageKeys[] = {"role",       "content",           "name",      "tool_calls",
                                             "tool_call_id", "reasoning_content", "reasoning", "thinking"};

constexpr size_t kMostOwnKeys = 32;  // each is looked for in the template

template <size_t N>
bool is_one_of(std::string_view name, const std::string_view (&names)[N]) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

[[noreturn]] void unsupported(const std::string& path, std::string_view what) {
  throw Error(Code::unsupported, fmt::format("{}: {} is not supported by this server", path, what), path);
}

[[noreturn]] void wrong(const std::string& path, std::string_view expected, const json::value& got) {
  throw Error(Code::invalid_argument, fmt::format("{} must be {}, not {}", path, expected, kind_name(got)), path);
}

// A client sends back what it was answered, with fields that hold nothing.
bool is_nothing(const json::value& value) { return value.is_null() || (value.is_array() && value.get_array().empty()); }

const json::value& member_of(const json::object& object, std::string_view name, const std::string& path) {
  const json::value* value = object.if_contains(name);
  if (value != nullptr && !value->is_null()) return *value;
  const std::string at = fmt::format("{}.{}", path, name);
  throw Error(Code::invalid_argument, at + " is missing", at);
}

const json::object& object_of(const json::value& value, const std::string& path) {
  if (!value.is_object()) wrong(path, "an object", value);
  return value.get_object();
}

void check_parts(const json::array& parts, const std::string& path) {
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string at = fmt::format("{}[{}]", path, i);
    const json::object& part = object_of(parts[i], at);
    const json::value* type = part.if_contains("type");
    const std::string kind = text_of(type != nullptr ? *type : json::value(), at + ".type");
    if (kind != "text" && kind != "refusal") unsupported(at + ".type", "a part of type " + printable(kind));
    for (const auto& member : part) {
      if (member.key() == "type" || member.key() == kind || is_nothing(member.value())) continue;
      unsupported(at + "." + printable(member.key()), "this field");
    }
    const json::value* words = part.if_contains(kind);
    text_of(words != nullptr ? *words : json::value(), at + "." + kind);
  }
}

void check_content(const json::object& message, bool may_be_missing, const std::string& path) {
  const json::value* content = message.if_contains("content");
  const std::string at = path + ".content";
  if (content == nullptr || content->is_null()) {
    if (may_be_missing) return;
    throw Error(Code::invalid_argument, at + " is missing", at);
  }
  if (content->is_array()) return check_parts(content->get_array(), at);
  if (!content->is_string()) wrong(at, "a string or an array of text parts", *content);
}

void check_calls(const json::value& calls, const std::string& path) {
  if (!calls.is_array()) wrong(path, "an array", calls);
  for (size_t i = 0; i < calls.get_array().size(); ++i) {
    const std::string at = fmt::format("{}[{}]", path, i);
    const json::object& call = object_of(calls.get_array()[i], at);
    if (const json::value* type = call.if_contains("type"); type != nullptr && text_of(*type, at + ".type") != "function") {
      unsupported(at + ".type", "a call of another kind than function");
    }
    const json::object& function = object_of(member_of(call, "function", at), at + ".function");
    text_of(member_of(function, "name", at + ".function"), at + ".function.name");
    const json::value* arguments = function.if_contains("arguments");
    if (arguments != nullptr && !arguments->is_string() && !arguments->is_object() && !arguments->is_null()) {
      wrong(at + ".function.arguments", "a string of JSON or an object", *arguments);
    }
  }
}

void check_message(Draft& draft, const json::value& value, const std::string& path) {
  const json::object& message = object_of(value, path);
  const std::string role = text_of(member_of(message, "role", path), path + ".role");
  if (!is_one_of(role, kRoles)) {
    throw Error(Code::invalid_argument, fmt::format("{}.role must be one of {}, got {}", path, fmt::join(kRoles, ", "), printable(role)),
                path + ".role");
  }
  check_content(message, role == "assistant", path);
  for (const auto& member : message) {
    const std::string_view key = member.key();
    if (key == "role" || key == "content" || is_nothing(member.value())) continue;
    const std::string at = path + "." + printable(key);
    if (key == "tool_calls") check_calls(member.value(), at);
    else if (is_one_of(key, kMessageKeys)) text_of(member.value(), at);
    else if (key == "audio" || draft.templates_own_keys.size() == kMostOwnKeys) unsupported(at, "this field");
    else draft.templates_own_keys.emplace(key, at);
  }
}

void check_messages(Draft& draft, const json::object& body) {
  const json::value* value = body.if_contains("messages");
  const json::array* messages = value == nullptr ? nullptr : value->if_array();
  if (messages == nullptr) return;  // the conversation's reader says what it must be
  for (size_t i = 0; i < messages->size(); ++i) check_message(draft, (*messages)[i], fmt::format("messages[{}]", i));
}

void check_tools(const Draft& draft, const json::array& tools) {
  for (size_t i = 0; i < tools.size(); ++i) {
    const std::string at = fmt::format("tools[{}]", i);
    const json::object& tool = object_of(tools[i], at);
    const std::string type = text_of(member_of(tool, "type", at), at + ".type");
    if (type != "function") unsupported(at + ".type", "a tool of type " + printable(type));
    const json::object& function = object_of(member_of(tool, "function", at), at + ".function");
    text_of(member_of(function, "name", at + ".function"), at + ".function.name");
  }
  if (!tools.empty() && draft.parallel_tool_calls == false) {
    unsupported("parallel_tool_calls", "false, which would take a grammar for the answer,");
  }
}

void read_effort(model::text::Conversation& conversation, const json::object& body) {
  const json::value* value = body.if_contains("reasoning_effort");
  if (value == nullptr || value->is_null()) return;
  const std::string effort = text_of(*value, "reasoning_effort");
  if (!is_one_of(effort, kEfforts)) {
    throw Error(Code::invalid_argument,
                fmt::format("reasoning_effort must be one of {}, got {}", fmt::join(kEfforts, ", "), printable(effort)),
                "reasoning_effort");
  }
  if (effort != "none") return;
  // The names of the switch: Qwen3, GLM; DeepSeek V3.1, Granite, Kimi. What the caller said by chat_template_kwargs stands.
  for (const char* name : {"enable_thinking", "thinking"}) conversation.kwargs.emplace(name, false);
}

}  // namespace

void read_tool_choice(Draft& draft, const json::value& value, const FieldContext&) {
  if (value.is_string()) {
    const std::string choice = text_of(value, "tool_choice");
    if (choice == "auto") return;
    draft.hides_tools = choice == "none";
    if (draft.hides_tools) return;
    if (choice != "required") {
      throw Error(Code::invalid_argument, fmt::format("tool_choice must be none or auto, got {}", printable(choice)), "tool_choice");
    }
  } else if (!value.is_object()) {
    wrong("tool_choice", "none, auto or an object", value);
  }
  throw Error(Code::unsupported,
              "tool_choice: a call cannot be forced by this server, which would take a grammar for the answer; take auto or none",
              "tool_choice");
}

void read_chat_template(Draft& draft, const json::value& value, const FieldContext& context) {
  draft.chat_template = text_of(value, "chat_template");
  if (context.allow_request_templates) return;
  throw Error(Code::unsupported,
              "chat_template: templates of requests are off; start the server with --allow-request-templates, or give it the template by "
              "--chat-template FILE",
              "chat_template");
}

void read_conversation(Draft& draft, const json::object& body) {
  check_messages(draft, body);
  model::text::Conversation conversation = model::text::read_conversation(body);
  if (json::array* tools = conversation.tools.if_array()) check_tools(draft, *tools);
  for (json::value* list : {&conversation.tools, &conversation.documents}) {
    if (is_nothing(*list)) *list = nullptr;
  }
  if (draft.hides_tools) conversation.tools = nullptr;
  read_effort(conversation, body);
  const json::value* prompts = body.if_contains("add_generation_prompt");
  if (draft.continues_final_message) {
    if (prompts != nullptr && prompts->is_bool() && prompts->get_bool()) {
      throw Error(Code::invalid_argument, "continue_final_message and add_generation_prompt exclude each other; leave one of them out",
                  "continue_final_message");
    }
    conversation.add_generation_prompt = false;
  }
  draft.conversation = std::move(conversation);
}

}  // namespace yoke::coordinator::api::openai
