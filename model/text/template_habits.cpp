#include "model/text/template_habits.h"

#include <boost/json.hpp>

#include "model/text/chat_template.h"

namespace yoke::model::text {
namespace {

namespace json = boost::json;

constexpr std::string_view kMark = "zqmarkqz";  // a word that no template has

// A load tries some ten renderings; a template that spends more on one message is no honest one.
constexpr RenderLimits kTrial = {
    .steps = 20'000, .steps_per_value = 0, .output_bytes = 1 << 20, .time = std::chrono::milliseconds(100), .now = Moment{2026, 1, 1}};

// What the template makes of it; empty where it fails.
std::string tried(const ChatTemplate& chat_template, json::array messages, json::value tools = nullptr) {
  TemplateInputs inputs;
  inputs.callers = {{"messages", std::move(messages)},
                    {"tools", std::move(tools)},
                    {"documents", nullptr},
                    {"add_generation_prompt", true}};
  inputs.own = {{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"unk_token", "<unk>"}, {"pad_token", "<pad>"}};
  const Rendering rendering = chat_template.try_render(inputs, kTrial);
  return rendering.end == Rendering::End::done ? joined(rendering.pieces) : std::string();
}

json::object message(std::string_view role, json::value content) {
  return {{"role", role}, {"content", std::move(content)}};
}
json::value as_parts(std::string_view text) { return json::array{json::object{{"type", "text"}, {"text", text}}}; }

// A conversation in which a message of the role may stand by most templates' rules.
json::array around(json::object one) {
  const std::string role(one.at("role").as_string());
  json::array messages;
  if (role == "assistant" || role == "tool") messages.push_back(message("user", "hello"));
  if (role == "tool") {
    json::object call = {{"id", "abcdef123"},
                         {"type", "function"},
                         {"function", json::object{{"name", "f"}, {"arguments", json::object{}}}}};
    json::object caller = message("assistant", "");
    caller["tool_calls"] = json::array{std::move(call)};
    messages.push_back(std::move(caller));
    one["tool_call_id"] = "abcdef123";
    one["name"] = "f";
  }
  messages.push_back(std::move(one));
  if (role != "user") messages.push_back(message("user", "hello"));
  return messages;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

// Given parts, it writes what it writes for a string: not Python's print of a list.
bool takes_parts(const ChatTemplate& chat_template, std::string_view role) {
  const std::string with_parts = tried(chat_template, around(message(role, as_parts(kMark))));
  if (!has(with_parts, kMark)) return false;
  const std::string with_string = tried(chat_template, around(message(role, json::value(kMark))));
  return with_parts == with_string || (!has(with_string, kMark) && !has(with_parts, "'text'") && !has(with_parts, "\"text\""));
}

std::string with_call(const ChatTemplate& chat_template, json::value arguments) {
  json::object call = {{"id", "abcdef123"},
                       {"type", "function"},
                       {"function", json::object{{"name", "f"}, {"arguments", std::move(arguments)}}}};
  json::object caller = message("assistant", "");
  caller["tool_calls"] = json::array{std::move(call)};
  json::array messages = {message("user", "hello"), std::move(caller)};
  json::object answer = message("tool", "1");
  answer["tool_call_id"] = "abcdef123";
  answer["name"] = "f";
  messages.push_back(std::move(answer));
  return tried(chat_template, std::move(messages));
}

// A quote behind the mark's own, with a backslash before it, is a string within a string.
bool escapes_arguments(const ChatTemplate& chat_template) {
  const std::string key(kMark), quoted = key + "\\\"";
  const std::string with_string = with_call(chat_template, json::value("{\"" + key + "\": 1}"));
  return has(with_string, quoted) && has(with_call(chat_template, json::object{{key, 1}}), key);
}

}  // namespace

TemplateHabits find_habits(const ChatTemplate& chat_template) {
  TemplateHabits habits;
  for (const std::string_view role : {"system", "developer", "user", "assistant", "tool"}) {
    if (takes_parts(chat_template, role)) habits.takes_parts.emplace(role);
  }
  habits.needs_parts = habits.takes_parts.contains("user")
                       && !has(tried(chat_template, around(message("user", json::value(kMark)))), kMark);
  const std::string of_developer = tried(chat_template, around(message("developer", json::value(kMark))));
  habits.drops_developer = !of_developer.empty() && !has(of_developer, kMark) &&
                           has(tried(chat_template, around(message("system", json::value(kMark)))), kMark);
  habits.escapes_arguments = escapes_arguments(chat_template);
  return habits;
}

}  // namespace yoke::model::text
