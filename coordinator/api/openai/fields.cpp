#include "coordinator/api/openai/fields.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include <limits>

#include "coordinator/api/error_reply.h"
#include "coordinator/api/openai/chat_fields.h"
#include "coordinator/api/openai/field_readers.h"
#include "coordinator/api/strict_json.h"

namespace yoke::coordinator::api::openai {
namespace {

namespace json = boost::json;

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();  // the context is the limit
constexpr int64_t kMaxTop = 20;                                    // OpenAI's bound of top_logprobs

void put_max_tokens(Draft& draft, int64_t value, const char* field) {
  if (draft.max_tokens && *draft.max_tokens != value) {
    throw Error(Code::invalid_argument,
                fmt::format("{} is {} and {} is {}; give one of them", draft.max_tokens_field, *draft.max_tokens, field, value),
                field);
  }
  draft.max_tokens = value;
  draft.max_tokens_field = field;
}

constexpr Field kFields[] = {
    {"model", kBoth, Shaped{read_model}},
    {"messages", kChat, OfConversation{}},
    {"tools", kChat, OfConversation{}},
    {"tool_choice", kChat, Shaped{read_tool_choice}},
    {"parallel_tool_calls", kChat, Flag{[](Draft& d, bool v) { d.parallel_tool_calls = v; }}},
    {"documents", kChat, OfConversation{}},
    {"reasoning_effort", kChat, OfConversation{}},
    {"chat_template_kwargs", kChat, OfConversation{}},
    {"chat_template", kChat, Shaped{read_chat_template}},
    {"add_generation_prompt", kChat, OfConversation{}},
    {"continue_final_message", kChat, Flag{[](Draft& d, bool v) { d.continues_final_message = v; }}},
    {"add_special_tokens", kBoth, Flag{[](Draft& d, bool v) { d.add_special_tokens = v; }}},
    {"prompt", kText, Shaped{read_prompt}},

    {"temperature", kBoth, Number{0, 2, [](Draft& d, double v) { d.sampling.temperature = static_cast<float>(v); }}},
    {"top_p", kBoth, Number{0, 1, [](Draft& d, double v) { d.sampling.top_p = static_cast<float>(v); }}},
    {"min_p", kBoth, Number{0, 1, [](Draft& d, double v) { d.sampling.min_p = static_cast<float>(v); }}},
    {"top_k", kBoth,  // -1 is vLLM's word for off, 0 Hugging Face's
     Integer{-1, std::numeric_limits<int>::max(), [](Draft& d, int64_t v) { d.sampling.top_k = v < 0 ? 0 : static_cast<int>(v); }}},
    {"presence_penalty", kBoth, Number{-2, 2, [](Draft& d, double v) { d.sampling.presence_penalty = static_cast<float>(v); }}},
    {"frequency_penalty", kBoth, Number{-2, 2, [](Draft& d, double v) { d.sampling.frequency_penalty = static_cast<float>(v); }}},
    {"repetition_penalty", kBoth,  // a divisor of logits: 0 has no meaning
     Number{0.01, 100, [](Draft& d, double v) { d.sampling.repetition_penalty = static_cast<float>(v); }}},
    {"logit_bias", kBoth, Shaped{read_logit_bias}},
    {"seed", kBoth, Shaped{read_seed}},
    {"n", kBoth, Shaped{read_choices}},

    {"max_tokens", kChat, Integer{1, kNoLimit, [](Draft& d, int64_t v) { put_max_tokens(d, v, "max_tokens"); }}},
    {"max_tokens", kText, Integer{0, kNoLimit, [](Draft& d, int64_t v) { put_max_tokens(d, v, "max_tokens"); }}},
    {"max_completion_tokens", kChat, Integer{1, kNoLimit, [](Draft& d, int64_t v) { put_max_tokens(d, v, "max_completion_tokens"); }}},
    {"stop", kBoth, Shaped{read_stop}},
    {"ignore_eos", kBoth, Flag{[](Draft& d, bool v) { d.ignore_eos = v; }}},

    {"stream", kBoth, Flag{[](Draft& d, bool v) { d.stream = v; }}},
    {"stream_options", kBoth, Shaped{read_stream_options}},
    {"return_token_ids", kBoth, Flag{[](Draft& d, bool v) { d.return_token_ids = v; }}},
    {"echo", kText, Flag{[](Draft& d, bool v) { d.echo = v; }}},
    {"logprobs", kChat, Flag{[](Draft& d, bool v) { d.chat_logprobs = v; }}},
    {"include_reasoning", kChat, Flag{[](Draft& d, bool v) { if (!v) d.reasoning = ReasoningShown::dropped; }}},  // vLLM's
    {"reasoning_format", kChat, Shaped{read_reasoning_format}},                                                  // llama.cpp's
    {"top_logprobs", kChat, Integer{0, kMaxTop, [](Draft& d, int64_t v) { d.top_logprobs = static_cast<int>(v); }}},
    {"logprobs", kText, Integer{0, kMaxTop, [](Draft& d, int64_t v) { d.sampling.logprobs = static_cast<int>(v); }}},

    {"user", kBoth, Harmless{json::kind::string}},
    {"metadata", kBoth, Harmless{json::kind::object}},
    {"service_tier", kBoth, Harmless{json::kind::string}},
    {"safety_identifier", kBoth, Harmless{json::kind::string}},
    {"prompt_cache_key", kBoth, Harmless{json::kind::string}},

    {"store", kChat, Refused{{"false"}}},
    {"functions", kChat, Refused{{"[]"}}},
    {"function_call", kChat, Refused{{"\"none\"", "\"auto\""}}},
    {"response_format", kBoth, Refused{{"{\"type\":\"text\"}"}}},
    {"modalities", kChat, Refused{{"[\"text\"]"}}},
    {"audio", kChat, Refused{}},
    {"prediction", kChat, Refused{}},
    {"verbosity", kChat, Refused{}},
    {"web_search_options", kChat, Refused{}},
    {"suffix", kText, Refused{{"\"\""}}},
    {"best_of", kText, Refused{{"1"}}},
};

const Field* find(std::string_view name, unsigned endpoint) {
  for (const Field& field : kFields) {
    if (field.name == name && (field.endpoints & endpoint) != 0) return &field;
  }
  return nullptr;
}

bool asks_for_nothing(const Refused& rule, const json::value& value) {
  for (const std::string_view nothing : rule.nothing) {
    if (!nothing.empty() && value == json::parse(nothing)) return true;
  }
  return false;
}

struct Apply {
  Draft& draft;
  const Field& field;
  const json::value& value;
  const FieldContext& context;

  std::string path() const { return std::string(field.name); }
  void operator()(const Number& rule) const { rule.put(draft, number_of(value, path(), rule.low, rule.high)); }
  void operator()(const Integer& rule) const { rule.put(draft, integer_of(value, path(), rule.low, rule.high)); }
  void operator()(const Flag& rule) const { rule.put(draft, flag_of(value, path())); }
  void operator()(const Shaped& rule) const { rule.read(draft, value, context); }
  void operator()(const OfConversation&) const {}
  void operator()(const Harmless& rule) const {
    if (value.kind() == rule.kind) return;
    throw Error(Code::invalid_argument, fmt::format("{} cannot be {}", path(), kind_name(value)), path());
  }
  void operator()(const Refused& rule) const {
    if (asks_for_nothing(rule, value)) return;
    throw Error(Code::unsupported, fmt::format("{} is not supported by this server; leave it out", path()), path());
  }
};

void require(const json::object& body, std::string_view name) {
  const json::value* value = body.if_contains(name);
  if (value != nullptr && !value->is_null()) return;
  throw Error(Code::invalid_argument, fmt::format("{} is missing", name), std::string(name));
}

void check_known(const json::object& body, unsigned endpoint) {
  for (const auto& member : body) {
    const std::string_view name = member.key();
    if (find(name, endpoint) != nullptr) continue;
    const std::string shown = printable(name);
    throw Error(Code::unsupported, fmt::format("the field {} is not known to this server; leave it out", shown), shown);
  }
}

// Rows are read in the table's order, so the model is judged first whatever the body's order.
Draft read(const json::object& body, unsigned endpoint, const FieldContext& context) {
  Draft draft;
  require(body, "model");
  check_known(body, endpoint);
  for (const Field& field : kFields) {
    const json::value* value = (field.endpoints & endpoint) != 0 ? body.if_contains(field.name) : nullptr;
    if (value != nullptr && !value->is_null()) std::visit(Apply{draft, field, *value, context}, field.rule);
  }
  if (draft.has_stream_options && !draft.stream) {
    throw Error(Code::invalid_argument, "stream_options needs stream: true", "stream_options");
  }
  return draft;
}

}  // namespace

std::span<const Field> fields() { return kFields; }

Draft read_chat(const json::object& body, const FieldContext& context) {
  Draft draft = read(body, kChat, context);
  require(body, "messages");
  read_conversation(draft, body);
  if (draft.top_logprobs && !draft.chat_logprobs) {
    throw Error(Code::invalid_argument, "top_logprobs needs logprobs: true", "top_logprobs");
  }
  if (draft.chat_logprobs) draft.sampling.logprobs = draft.top_logprobs.value_or(0);
  return draft;
}

Draft read_completion(const json::object& body, const FieldContext& context) {
  Draft draft = read(body, kText, context);
  require(body, "prompt");
  if (draft.max_tokens == 0 && !draft.echo) {
    throw Error(Code::invalid_argument, "max_tokens is 0, which asks for nothing unless echo is true", "max_tokens");
  }
  return draft;
}

}  // namespace yoke::coordinator::api::openai
