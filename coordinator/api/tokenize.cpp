#include "coordinator/api/tokenize.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include <algorithm>
#include <initializer_list>

#include "coordinator/api/error_reply.h"
#include "coordinator/api/openai/field_readers.h"
#include "coordinator/api/openai/prompt.h"
#include "model/text/utf8.h"

namespace yoke::coordinator::api {
namespace {

namespace json = boost::json;
using model::text::AddedTokens;
using model::text::Tokenizer;

const json::value* find(const json::object& body, std::string_view name) {
  const json::value* value = body.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

bool flag_or(const json::object& body, const char* name, bool absent) {
  const json::value* value = find(body, name);
  return value == nullptr ? absent : openai::flag_of(*value, name);
}

void check_known(const json::object& body, std::initializer_list<std::string_view> known) {
  for (const auto& member : body) {
    const std::string_view name = member.key();
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string shown = printable(name);
    throw Error(Code::unsupported, fmt::format("the field {} is not known here; leave it out", shown), shown);
  }
}

void check_model(const json::object& body, const ServedModel& model) {
  if (const json::value* name = find(body, "model")) openai::model_of(*name, model);
}

// With what the model was trained to see around a text. An encoder's frame has an end too, which a text to be continued has not.
std::vector<TokenId> framed(std::vector<TokenId> ids, const ServedModel& model) {
  const Tokenizer& tokenizer = *model.tokenizer;
  if (model.config.encoder.is) return tokenizer.frame(ids).ids;
  if (tokenizer.adds_bos() && tokenizer.bos()) ids.insert(ids.begin(), *tokenizer.bos());
  return ids;
}

// By hand: a value of Boost.JSON takes 16 bytes, and a body of 4 MiB may have as many tokens.
template <typename Write>
std::string list_of(const std::vector<TokenId>& ids, const Write& write) {
  std::string out = "[";
  for (const TokenId id : ids) {
    if (out.size() > 1) out += ',';
    write(out, id);
  }
  return out + "]";
}

void write_id(std::string& out, TokenId id) { fmt::format_to(std::back_inserter(out), "{}", id); }

// A token alone may be half a character.
void write_text(std::string& out, std::string_view bytes) { out += json::serialize(json::string(model::text::well_formed(bytes))); }

// llama.cpp's way with bytes that are no text: an array of them.
void write_piece(std::string& out, std::string_view bytes) {
  if (model::text::is_well_formed(bytes)) return write_text(out, bytes);
  out += '[';
  for (size_t i = 0; i < bytes.size(); ++i) {
    fmt::format_to(std::back_inserter(out), "{}{}", i == 0 ? "" : ",", static_cast<unsigned>(static_cast<unsigned char>(bytes[i])));
  }
  out += ']';
}

// vLLM's shape.
http::Response counted(const std::vector<TokenId>& ids, bool with_texts, const ServedModel& model) {
  const std::string texts =
      with_texts ? list_of(ids, [&](std::string& out, TokenId id) { write_text(out, model.tokenizer->token_bytes(id)); }) : "null";
  return {.body = fmt::format(R"({{"count":{},"max_model_len":{},"tokens":{},"token_strs":{}}})", ids.size(), model.config.context_length,
                              list_of(ids, write_id), texts)};
}

http::Response of_chat(json::object body, const openai::FieldContext& context) {
  const bool with_texts = flag_or(body, "return_token_strs", false);
  body.erase("return_token_strs");
  if (find(body, "model") == nullptr) body["model"] = context.model.names.front();
  const openai::Prompt prompt = openai::chat_prompt(openai::read_chat(body, context), context.model);
  return counted(prompt.tokens, with_texts, context.model);
}

http::Response of_prompt(const json::object& body, const ServedModel& model) {
  check_known(body, {"model", "prompt", "add_special_tokens", "return_token_strs"});
  const std::string text = openai::text_of(body.at("prompt"), "prompt");
  const bool frames = flag_or(body, "add_special_tokens", true), with_texts = flag_or(body, "return_token_strs", false);
  std::vector<TokenId> ids = openai::tokenizer_for(model, "prompt").encode(text, AddedTokens::all);
  if (frames) ids = framed(std::move(ids), model);
  return counted(ids, with_texts, model);
}

http::Response of_content(const json::object& body, const ServedModel& model) {
  check_known(body, {"model", "content", "add_special", "parse_special", "with_pieces"});
  const std::string text = openai::text_of(body.at("content"), "content");
  const bool frames = flag_or(body, "add_special", false), with_pieces = flag_or(body, "with_pieces", false);
  const AddedTokens match = flag_or(body, "parse_special", true) ? AddedTokens::all : AddedTokens::all_but_special;
  const Tokenizer& tokenizer = openai::tokenizer_for(model, "content");
  std::vector<TokenId> ids = tokenizer.encode(text, match);
  if (frames) ids = framed(std::move(ids), model);
  const std::string list = !with_pieces ? list_of(ids, write_id) : list_of(ids, [&](std::string& out, TokenId id) {
    fmt::format_to(std::back_inserter(out), R"({{"id":{},"piece":)", id);
    write_piece(out, tokenizer.token_bytes(id));
    out += '}';
  });
  return {.body = fmt::format(R"({{"tokens":{}}})", list)};
}

}  // namespace

http::Response tokenize(json::object body, const openai::FieldContext& context) {
  const bool chat = find(body, "messages") != nullptr, prompt = find(body, "prompt") != nullptr, content = find(body, "content") != nullptr;
  if (chat + prompt + content != 1) {
    throw Error(Code::invalid_argument, "one of prompt, content or messages is needed", chat ? "messages" : "prompt");
  }
  if (chat) return of_chat(std::move(body), context);
  check_model(body, context.model);
  return prompt ? of_prompt(body, context.model) : of_content(body, context.model);
}

http::Response detokenize(const json::object& body, const openai::FieldContext& context) {
  const ServedModel& model = context.model;
  check_known(body, {"model", "tokens"});
  check_model(body, model);
  const json::value* tokens = find(body, "tokens");
  if (tokens == nullptr || !tokens->is_array()) throw Error(Code::invalid_argument, "tokens must be an array of token ids", "tokens");
  const std::vector<TokenId> ids = openai::tokens_of(tokens->get_array(), "tokens", model.config.vocab);
  const Tokenizer& tokenizer = openai::tokenizer_for(model, "tokens");
  size_t bytes = 0;
  for (const TokenId id : ids) bytes += tokenizer.token_bytes(id).size();
  if (bytes > kMostDetokenizedBytes) {
    throw Error(Code::invalid_argument,
                fmt::format("tokens stand for {} bytes of text; one request may ask for {}", bytes, kMostDetokenizedBytes), "tokens");
  }
  const std::string text = json::serialize(json::string(tokenizer.decode(ids, /*skip_special=*/false)));
  return {.body = fmt::format(R"({{"prompt":{0},"content":{0}}})", text)};
}

}  // namespace yoke::coordinator::api
