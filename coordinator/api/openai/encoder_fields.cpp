#include "coordinator/api/openai/encoder_fields.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include <algorithm>
#include <initializer_list>

#include "coordinator/api/error_reply.h"
#include "coordinator/api/openai/field_readers.h"
#include "coordinator/api/strict_json.h"

namespace yoke::coordinator::api::openai {
namespace {

namespace json = boost::json;

constexpr int64_t kNoLimit = INT64_MAX;

// Null where it is absent or null.
const json::value* find(const json::object& body, std::string_view name) {
  const json::value* value = body.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

const json::value& required(const json::object& body, std::string_view name) {
  if (const json::value* value = find(body, name)) return *value;
  throw Error(Code::invalid_argument, fmt::format("{} is missing", name), std::string(name));
}

void check_known(const json::object& body, std::initializer_list<std::string_view> known) {
  for (const auto& member : body) {
    const std::string_view name = member.key();
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string shown = printable(name);
    throw Error(Code::unsupported, fmt::format("the field {} is not known to this server; leave it out", shown), shown);
  }
}

// A list of numbers is one text's ids; what else it may be is the caller's business.
bool is_token_list(const json::array& items) { return !items.empty() && items.front().is_number(); }

[[noreturn]] void refuse_text(const std::string& path, const std::string& form) {
  throw Error(Code::unsupported,
              fmt::format("{} is text, which this server's encoders take in a later version; token ids work now: {}", path, form), path);
}

std::vector<TokenId> sequence_of(const json::value& value, const std::string& path, const ServedModel& model) {
  if (value.is_string()) refuse_text(path, path + ": [ids]");
  const json::array* ids = value.if_array();
  if (ids == nullptr || ids->empty()) {
    const std::string got = ids == nullptr ? std::string(kind_name(value)) : "an empty one";
    throw Error(Code::invalid_argument, fmt::format("{} must be an array of token ids, not {}", path, got), path);
  }
  return tokens_of(*ids, path, model.config.vocab);
}

const json::array& list_of(const json::value& value, const std::string& path) {
  const json::array* items = value.if_array();
  if (items == nullptr || items->empty()) {
    throw Error(Code::invalid_argument, fmt::format("{} must be an array of arrays of token ids that is not empty", path), path);
  }
  if (items->size() <= kMaxInputs) return *items;
  throw Error(Code::invalid_argument, fmt::format("{} may hold {} inputs, got {}", path, kMaxInputs, items->size()), path);
}

std::vector<std::vector<TokenId>> sequences_of(const json::value& value, const std::string& path, const ServedModel& model) {
  std::vector<std::vector<TokenId>> sequences;
  for (const json::value& item : list_of(value, path)) {
    sequences.push_back(sequence_of(item, fmt::format("{}[{}]", path, sequences.size()), model));
  }
  return sequences;
}

void check_length(size_t tokens, const std::string& path, const ServedModel& model) {
  if (static_cast<int64_t>(tokens) <= model.config.context_length) return;
  throw Error(Code::context_exceeded,
              fmt::format("this model's maximum context length is {} tokens; {} needs {}", model.config.context_length, path, tokens), path);
}

void check_embeds(const ServedModel& model) {
  if (!model.config.encoder.is) {
    throw Error(Code::unsupported, "this model is a decoder; use /v1/chat/completions or /v1/completions", "model");
  }
  if (!model.pooling) {
    throw Error(Code::unsupported,
                "this model's folder asks for a pooling that this build does not offer (the server's log names it); mean and cls are", "model");
  }
}

void check_ranks(const ServedModel& model) {
  const model::Encoder& encoder = model.config.encoder;
  if (!encoder.is || encoder.head != model::EncoderHead::classifier) {
    throw Error(Code::unsupported,
                "this model has no classifier, so it cannot rank; serve a reranker (a ...ForSequenceClassification with one label)", "model");
  }
  if (encoder.labels != 1) {
    throw Error(Code::unsupported, fmt::format("this model's classifier has {} labels; serve a reranker, whose classifier has one", encoder.labels),
                "model");
  }
}

}  // namespace

EmbeddingsFields read_embeddings(const json::object& body, const ServedModel& model) {
  EmbeddingsFields fields{.model = model_of(required(body, "model"), model), .inputs = {}, .dimensions = model.config.hidden};
  check_known(body, {"model", "input", "encoding_format", "dimensions", "user"});
  check_embeds(model);
  const json::value& input = required(body, "input");
  if (input.is_string() || (input.is_array() && !input.get_array().empty() && input.get_array().front().is_string())) {
    refuse_text("input", "input: [ids] or [[ids], ...]");
  }
  if (input.is_array() && is_token_list(input.get_array())) fields.inputs.push_back(sequence_of(input, "input", model));
  else fields.inputs = sequences_of(input, "input", model);
  for (size_t i = 0; i < fields.inputs.size(); ++i) check_length(fields.inputs[i].size(), fmt::format("input[{}]", i), model);

  if (const json::value* value = find(body, "encoding_format")) {
    const std::string format = text_of(*value, "encoding_format");
    if (format != "float" && format != "base64") {
      throw Error(Code::invalid_argument, fmt::format("encoding_format must be float or base64, got {}", printable(format)), "encoding_format");
    }
    fields.base64 = format == "base64";
  }
  if (const json::value* value = find(body, "dimensions")) fields.dimensions = integer_of(*value, "dimensions", 1, model.config.hidden);
  if (const json::value* value = find(body, "user")) text_of(*value, "user");
  return fields;
}

RerankFields read_rerank(const json::object& body, const ServedModel& model) {
  RerankFields fields{.model = model_of(required(body, "model"), model), .query = {}, .documents = {}};
  check_known(body, {"model", "query", "documents", "top_n", "return_documents"});
  check_ranks(model);
  fields.query = sequence_of(required(body, "query"), "query", model);
  fields.documents = sequences_of(required(body, "documents"), "documents", model);
  for (size_t i = 0; i < fields.documents.size(); ++i) {
    check_length(fields.query.size() + fields.documents[i].size(), fmt::format("documents[{}]", i), model);
  }
  fields.top_n = fields.documents.size();
  if (const json::value* value = find(body, "top_n")) {  // more than there are is as many as there are
    fields.top_n = std::min(fields.top_n, static_cast<size_t>(integer_of(*value, "top_n", 1, kNoLimit)));
  }
  if (const json::value* value = find(body, "return_documents")) fields.return_documents = flag_of(*value, "return_documents");
  return fields;
}

}  // namespace yoke::coordinator::api::openai
