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

}  // namespace

// OpenAI's way: text where it is text, else its bytes as escapes, which the older endpoint marks as such.
std::string Shapes::token_name(TokenId token) const {
  if (tokenizer_ == nullptr) return fmt::format("token_id:{}", token);
  const std::string_view bytes = tokenizer_->token_bytes(token);
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
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

json::object Shapes::chat_token(TokenId token, float logprob) const {
  json::array bytes;
  if (tokenizer_ != nullptr) {
    for (const unsigned char byte : tokenizer_->token_bytes(token)) bytes.push_back(static_cast<int64_t>(byte));
  }
  return {{"token", token_name(token)}, {"logprob", shown_logprob(logprob)}, {"bytes", std::move(bytes)}};
}

json::object Shapes::chat_logprobs(const std::vector<ShownToken>& tokens) const {
  json::array content;
  for (const ShownToken& token : tokens) {
    json::object entry = chat_token(token.token, token.logprob.value_or(0));
    json::array top;
    for (const Logprob& other : token.top) top.push_back(chat_token(other.token, other.logprob));
    entry["top_logprobs"] = std::move(top);
    content.push_back(std::move(entry));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

json::object Shapes::text_logprobs(const std::vector<ShownToken>& tokens) const {
  json::array names, logprobs, tops, offsets;
  for (const ShownToken& token : tokens) {
    names.push_back(json::value(token_name(token.token)));
    offsets.push_back(token.text_offset);
    if (!token.logprob) {
      logprobs.push_back(nullptr);
      tops.push_back(nullptr);
      continue;
    }
    logprobs.push_back(shown_logprob(*token.logprob));
    json::object top;  // "the API will always return the logprob of the sampled token": it joins the best ones
    for (const Logprob& other : token.top) top.emplace(token_name(other.token), shown_logprob(other.logprob));
    top.emplace(token_name(token.token), shown_logprob(*token.logprob));
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
    choice["message"] = json::object{{"role", "assistant"}, {"content", all.text}, {"refusal", nullptr}};
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
    choice["delta"] = json::object{{"content", delta.text}};
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
