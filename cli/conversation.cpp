#include "cli/conversation.h"

#include <fmt/format.h>

#include "cli/interrupt.h"

namespace yoke::cli {

namespace json = boost::json;

std::string answer(RestClient& client, const std::string& model, const json::array& messages, const AnswerOptions& options) {
  json::object body = {{"model", model}, {"messages", messages}, {"stream", true}};
  if (options.max_tokens > 0) body["max_tokens"] = options.max_tokens;
  if (options.temperature >= 0) body["temperature"] = options.temperature;
  if (options.seed >= 0) body["seed"] = options.seed;
  std::string text;
  client.events("/v1/chat/completions", json::serialize(body), [&](std::string_view event) {
    if (event == "[DONE]") return true;
    const json::value value = json::parse(event);
    for (const json::value& choice : value.at("choices").as_array()) {
      const json::object& delta = choice.at("delta").as_object();
      const json::value* content = delta.if_contains("content");
      if (content == nullptr || !content->is_string()) continue;
      text += content->as_string();
      fmt::print("{}", std::string_view(content->as_string()));
      std::fflush(stdout);
    }
    return !interrupted();
  });
  fmt::print("\n");
  std::fflush(stdout);
  return text;
}

}  // namespace yoke::cli
