// From a conversation to pieces; reading one from a body is in conversation_reader.cpp.
#include "model/text/conversation.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include <algorithm>

#include "core/error.h"
#include "model/text/jinja/budget.h"
#include "model/text/jinja/json_values.h"
#include "model/text/jinja/printing.h"

namespace yoke::model::text {
namespace {

namespace json = boost::json;

enum class CallArguments { as_given, as_objects, as_strings };

// One way to write the messages. They are tried in this order; the first is transformers' own.
struct Way {
  bool fills_content;
  CallArguments arguments;
  bool developer_is_system = false;
};
constexpr Way kWays[] = {{false, CallArguments::as_given},
                         {true, CallArguments::as_given},
                         {true, CallArguments::as_objects},
                         {true, CallArguments::as_strings}};

constexpr std::string_view kReasoning[] = {"reasoning_content", "thinking", "reasoning"};

json::object without_nulls(const json::object& message) {
  json::object kept;
  kept.reserve(message.size() + 3);
  for (const auto& [key, value] : message) {
    if (!value.is_null()) kept.emplace(key, value);
  }
  return kept;
}

// The first that is there, under the name of newer templates and under gpt-oss's.
void copy_reasoning(json::object& message) {
  for (const std::string_view name : kReasoning) {
    const json::value* found = message.if_contains(name);
    if (!found) continue;
    const json::value reasoning = *found;
    message.emplace("thinking", reasoning);
    message.insert_or_assign("reasoning_content", reasoning);
    return;
  }
}

bool is_text_part(const json::value& part) { return part.is_object() && part.get_object().contains("text"); }

// Parts joined by line ends, as servers do it for templates that know only strings. A tool's list of something else stays.
void join_parts(json::value& content) {
  json::array& parts = content.get_array();
  if (!std::all_of(parts.begin(), parts.end(), is_text_part)) return;
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += '\n';
    text += parts[i].get_object().at("text").as_string();
  }
  content = text;
}

void shape_content(json::object& message, const TemplateHabits& habits) {
  const std::string_view role = message.at("role").as_string();
  json::value* content = message.if_contains("content");
  if (!content) return;
  if (content->is_array() && !habits.takes_parts.contains(role)) join_parts(*content);
  if (content->is_string() && habits.needs_parts) {
    json::object part = {{"type", "text"}, {"text", *content}};
    *content = json::array{std::move(part)};
  }
}

// A client's string that holds an object, as that object; anything else as it is.
json::value parsed(const json::value& arguments) {
  if (!arguments.is_string()) return arguments;
  boost::system::error_code error;
  json::value value = json::parse(arguments.get_string(), error);
  return error || !value.is_object() ? arguments : value;
}

// As Python's json.dumps writes it, which is what models were shown.
json::value printed(const json::value& arguments, const RenderLimits& limits) {
  if (!arguments.is_object()) return arguments;
  jinja::Budget budget(limits);
  jinja::Context context{budget, std::nullopt, {}};
  return json::value(jinja::to_json(context, jinja::from_json(arguments, true), {}).bytes());
}

json::value shaped(const json::value& arguments, CallArguments form, const RenderLimits& limits) {
  switch (form) {
    case CallArguments::as_given: return arguments;
    case CallArguments::as_objects: return parsed(arguments);
    case CallArguments::as_strings: return printed(arguments, limits);
  }
  return arguments;
}

void shape_calls(json::object& message, CallArguments form, const RenderLimits& limits) {
  json::value* calls = message.if_contains("tool_calls");
  if (!calls || !calls->is_array() || form == CallArguments::as_given) return;
  for (json::value& call : calls->get_array()) {
    json::value* function = call.is_object() ? call.get_object().if_contains("function") : nullptr;
    json::value* arguments = function && function->is_object() ? function->get_object().if_contains("arguments") : nullptr;
    if (arguments) *arguments = shaped(*arguments, form, limits);
  }
}

json::array shaped_messages(const Conversation& conversation, const TemplateHabits& habits, Way way, const RenderLimits& limits) {
  json::array messages;
  messages.reserve(conversation.messages.size());
  for (const json::value& given : conversation.messages) {
    json::object message = without_nulls(given.as_object());
    copy_reasoning(message);
    if (way.developer_is_system && message.at("role") == "developer") message["role"] = "system";
    shape_content(message, habits);
    if (way.fills_content && !message.contains("content")) message["content"] = habits.needs_parts ? json::value(json::array{}) : "";
    shape_calls(message, way.arguments, limits);
    messages.push_back(std::move(message));
  }
  return messages;
}

TemplateInputs inputs_of(const Conversation& conversation, const json::object& special_tokens, json::array messages) {
  TemplateInputs inputs{conversation.kwargs, special_tokens};
  inputs.callers["messages"] = std::move(messages);
  inputs.callers["tools"] = conversation.tools;
  inputs.callers["documents"] = conversation.documents;
  inputs.callers["add_generation_prompt"] = conversation.add_generation_prompt;
  return inputs;
}

}  // namespace

std::vector<Piece> render(const ChatTemplate& chat_template, const Conversation& conversation, const json::object& special_tokens,
                          const ConversationOptions& options) {
  const TemplateHabits& habits = chat_template.habits();
  const bool objects = options.manner == Manner::served && habits.escapes_arguments;
  std::string why;
  for (Way way : kWays) {
    if (objects && way.arguments == CallArguments::as_given) way.arguments = CallArguments::as_objects;
    way.developer_is_system = options.manner == Manner::served && habits.drops_developer;
    json::array messages = shaped_messages(conversation, habits, way, options.limits);
    Rendering rendering =
        chat_template.try_render(inputs_of(conversation, special_tokens, std::move(messages)), options.limits);
    if (rendering.end == Rendering::End::done) return std::move(rendering.pieces);
    if (why.empty()) why = rendering.why;
    if (rendering.end != Rendering::End::failed) throw Error{Code::invalid_argument, rendering.why, "messages"};
  }
  throw Error{Code::invalid_argument, why, "messages"};
}

std::vector<Piece> render(const ChatTemplate& chat_template, const Conversation& conversation, const Tokenizer& tokenizer,
                          const ConversationOptions& options) {
  json::object special_tokens;
  for (const char* name : {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
    const std::string text = tokenizer.special_text(name);
    if (!text.empty()) special_tokens[name] = text;
  }
  return render(chat_template, conversation, special_tokens, options);
}

}  // namespace yoke::model::text
