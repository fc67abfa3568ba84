#include "coordinator/api/openai/shapes.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include <algorithm>
#include <iterator>

namespace yoke::coordinator::api::openai {
namespace {

namespace json = boost::json;

// JSON has no infinity; OpenAI and vLLM write this for a probability of 0.
constexpr double kLowestLogprob = -9999.0;

double shown_logprob(float logprob) {
  return logprob > kLowestLogprob ? static_cast<double>(logprob) : kLowestLogprob;  // also for NaN
}

json::array id_array(const std::vector<TokenId>& ids) { return json::array(ids.begin(), ids.end()); }

// Whether bytes are text of their own: a token may be a part of a character only.
bool is_utf8(std::string_view bytes) {
  json::error_code ec;
  json::parse(json::serialize(json::string(bytes)), ec);  // the parser refuses ill-formed UTF-8
  return !ec;
}

std::string escaped(std::string_view bytes) {
  std::string out;
  for (const unsigned char byte : bytes) fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
  return out;
}

std::string_view shown_bytes(const model::text::Tokenizer& tokenizer, TokenId token, bool first) {
  std::string_view bytes = tokenizer.token_bytes(token);
  if (first && tokenizer.drops_first_space() && bytes.starts_with(' ')) bytes.remove_prefix(1);
  return bytes;
}

}  // namespace

int64_t shown_characters(const model::text::Tokenizer& tokenizer, const ShownToken& token) {
  return model::text::reasoning::characters_in(shown_bytes(tokenizer, token.token, token.first));
}

// OpenAI's way: text where it is text, else its bytes as escapes, which the older endpoint marks as such.
std::string Shapes::token_name(TokenId token, bool first) const {
  if (tokenizer_ == nullptr) return fmt::format("token_id:{}", token);
  const std::string_view bytes = shown_bytes(*tokenizer_, token, first);
  if (is_utf8(bytes)) return std::string(bytes);
  return (identity_.chat ? "" : "bytes:") + escaped(bytes);
}

json::object Shapes::head(const char* object) const {
  return {{"id", identity_.id},
          {"object", object},
          {"created", identity_.created},
          {"model", identity_.model},
          {"system_fingerprint", identity_.fingerprint}};
}

json::object Shapes::usage(const Usage& usage) const {
  json::object shown = {{"prompt_tokens", usage.prompt_tokens},
                        {"completion_tokens", usage.completion_tokens},
                        {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
  if (usage.reasoning_tokens) shown["completion_tokens_details"] = json::object{{"reasoning_tokens", *usage.reasoning_tokens}};
  return shown;
}

// A special token has a name, and as a rule no bytes in the text.
json::object Shapes::chat_token(TokenId token, float logprob, bool first) const {
  json::array bytes;
  if (tokenizer_ != nullptr && (shown_.special_bytes || !tokenizer_->is_special(token))) {
    for (const unsigned char byte : shown_bytes(*tokenizer_, token, first)) bytes.push_back(static_cast<int64_t>(byte));
  }
  return {{"token", token_name(token, first)}, {"logprob", shown_logprob(logprob)}, {"bytes", std::move(bytes)}};
}

json::object Shapes::chat_logprobs(const std::vector<ShownToken>& tokens) const {
  json::array content;
  for (const ShownToken& token : tokens) {
    json::object entry = chat_token(token.token, token.logprob.value_or(0), token.first);
    json::array top;
    for (const Logprob& other : token.top) top.push_back(chat_token(other.token, other.logprob, token.first));
    entry["top_logprobs"] = std::move(top);
    content.push_back(std::move(entry));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

json::object Shapes::text_logprobs(const std::vector<ShownToken>& tokens) const {
  json::array names, logprobs, tops, offsets;
  for (const ShownToken& token : tokens) {
    names.push_back(json::value(token_name(token.token, token.first)));
    offsets.push_back(token.text_offset);
    if (!token.logprob) {
      logprobs.push_back(nullptr);
      tops.push_back(nullptr);
      continue;
    }
    logprobs.push_back(shown_logprob(*token.logprob));
    json::object top;  // "the API will always return the logprob of the sampled token": it joins the best ones
    for (const Logprob& other : token.top) top.emplace(token_name(other.token, token.first), shown_logprob(other.logprob));
    top.emplace(token_name(token.token, token.first), shown_logprob(*token.logprob));
    tops.push_back(std::move(top));
  }
  return {{"tokens", std::move(names)},
          {"token_logprobs", std::move(logprobs)},
          {"top_logprobs", std::move(tops)},
          {"text_offset", std::move(offsets)}};
}

json::value Shapes::logprobs(const std::vector<ShownToken>& tokens) const {
  if (!shown_.logprobs) return nullptr;
  return identity_.chat ? chat_logprobs(tokens) : text_logprobs(tokens);
}

json::object Shapes::whole() const { return head(identity_.chat ? "chat.completion" : "text_completion"); }

json::object Shapes::whole_choice(int index, const Delta& all, const std::vector<TokenId>& prompt) const {
  json::object choice = {{"index", index}};
  if (identity_.chat) {
    json::object message = {{"role", "assistant"}, {"content", all.text}, {"refusal", nullptr}};
    if (!all.reasoning.empty()) message["reasoning_content"] = all.reasoning;
    choice["message"] = std::move(message);
  } else {
    choice["text"] = all.text;
  }
  choice["logprobs"] = logprobs(all.tokens);
  choice["finish_reason"] = all.finish_reason ? json::value(*all.finish_reason) : json::value();
  if (shown_.token_ids) {
    choice["token_ids"] = id_array(all.ids);
    if (!identity_.chat) choice["prompt_token_ids"] = id_array(prompt);
  }
  return choice;
}

json::object Shapes::chunk() const {
  json::object chunk = head(identity_.chat ? "chat.completion.chunk" : "text_completion");
  chunk["choices"] = json::array();
  return chunk;
}

json::object Shapes::with_choice(json::object choice) const {
  json::object object = chunk();
  object["choices"].get_array().push_back(std::move(choice));
  return object;
}

json::object Shapes::role_chunk(int index) const {
  return with_choice({{"index", index},
                      {"delta", {{"role", "assistant"}, {"content", ""}}},
                      {"logprobs", nullptr},
                      {"finish_reason", nullptr}});
}

json::object Shapes::delta_chunk(int index, const Delta& delta) const {
  json::object choice = {{"index", index}};
  if (identity_.chat) {
    const bool thinks = !delta.reasoning.empty();
    choice["delta"] = json::object{{thinks ? "reasoning_content" : "content", thinks ? delta.reasoning : delta.text}};
  } else {
    choice["text"] = delta.text;
  }
  choice["logprobs"] = delta.tokens.empty() ? json::value() : logprobs(delta.tokens);
  choice["finish_reason"] = delta.finish_reason ? json::value(*delta.finish_reason) : json::value();
  if (shown_.token_ids) choice["token_ids"] = id_array(delta.ids);
  return with_choice(std::move(choice));
}

json::object Shapes::finish_chunk(int index, const std::string& reason) const {
  return with_choice(
      {{"index", index}, {"delta", json::object()}, {"logprobs", nullptr}, {"finish_reason", reason}});
}

}  // namespace yoke::coordinator::api::openai
