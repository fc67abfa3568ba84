// The input is a chat template. It is refused when it is loaded, or renders one conversation with everything in it to a text or
// to an error, within its budget.
#include <boost/json.hpp>

#include "core/error.h"
#include "model/text/conversation.h"

namespace {

using namespace yoke;
using namespace yoke::model::text;

const Conversation& conversation() {
  static const Conversation read = read_conversation(boost::json::parse(R"({
    "messages": [
      {"role": "system", "content": "Be \u00fcber <|terse|>."},
      {"role": "user", "content": [{"type": "text", "text": "Weather?"}, {"type": "text", "text": "\n\u65e5\u672c "}]},
      {"role": "assistant", "content": null, "reasoning_content": "hm", "tool_calls": [{"id": "abcdef123", "type": "function",
        "function": {"name": "f", "arguments": {"city": "Z\u00fcrich", "n": [1, 2.5, true, null, {"k": "v"}]}}}]},
      {"role": "tool", "tool_call_id": "abcdef123", "name": "f", "content": "21"},
      {"role": "user", "content": "Thanks"}],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object",
      "properties": {"city": {"type": "string", "enum": ["a", "b"]}}, "required": ["city"]}}}],
    "chat_template_kwargs": {"s": " a,b ", "x": 5, "d": {"b": 1, "a": "2"}, "l": [3, 1, 2], "z": 0}})").as_object());
  return read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ConversationOptions options;
  options.limits = {.steps = 20'000, .steps_per_value = 0, .output_bytes = 1 << 20, .now = Moment{2026, 7, 14}};
  try {
    const ChatTemplate chat_template({reinterpret_cast<const char*>(data), size});
    render(chat_template, conversation(), boost::json::object{{"bos_token", "<s>"}, {"eos_token", "</s>"}}, options);
  } catch (const Error& error) {
    YOKE_ASSERT(error.code() == Code::invalid_argument || error.code() == Code::unsupported || error.code() == Code::bad_file);
  }
  return 0;
}
