#include <fmt/format.h>

#include <boost/json.hpp>

#include <algorithm>

#include "coordinator/api/openai/encoder_fields.h"
#include "coordinator/api/openai/encoder_readers.h"
#include "coordinator/api/openai/field_readers.h"
#include "coordinator/api/strict_json.h"

namespace yoke::coordinator::api::openai {
namespace {

namespace json = boost::json;

constexpr int64_t kNoLimit = INT64_MAX;

void check_ranks(const ServedModel& model) {
  const model::Encoder& encoder = model.config.encoder;
  if (!encoder.is || encoder.head != model::EncoderHead::classifier) {
    throw Error(Code::unsupported,
                "this model has no classifier, so it cannot rank; serve a reranker (a ...ForSequenceClassification with one label)",
                "model");
  }
  if (encoder.labels != 1) {
    throw Error(Code::unsupported,
                fmt::format("this model's classifier has {} labels; serve a reranker, whose classifier has one", encoder.labels), "model");
  }
}

// A string, or an object with one as `text`, whose other members are the client's own and come back as they are. Null: neither.
const json::value* text_in(const json::value& value) {
  if (value.is_string()) return &value;
  const json::object* fields = value.if_object();
  const json::value* text = fields == nullptr ? nullptr : fields->if_contains("text");
  return text != nullptr && text->is_string() ? text : nullptr;
}

std::vector<TokenId> tokens_of_text(const json::value& text, const std::string& path, const ServedModel& model) {
  return tokenizer_of(model, path).encode(text_of(text, path), model::text::AddedTokens::none);
}

// The query is text, and so are all documents.
void read_texts(const json::value& query, const json::array& documents, size_t most_document, const ServedModel& model,
                RerankFields& fields) {
  fields.text = true;
  fields.query = tokens_of_text(query, "query", model);
  for (const json::value& document : documents) {
    const std::string path = fmt::format("documents[{}]", fields.documents.size());
    const json::value* text = text_in(document);
    if (text == nullptr) {
      const std::string got = document.is_object() ? "an object without it" : std::string(kind_name(document));
      throw Error(Code::invalid_argument,
                  fmt::format("{} must be a string or an object with a string `text`, as the query is text, not {}", path, got), path);
    }
    std::vector<TokenId> tokens = tokens_of_text(*text, path, model);
    keep(tokens, most_document, Cut::end);
    pair_lengths(model, {fields.query.size(), tokens.size()}, fields.fit, path);
    fields.documents.push_back(std::move(tokens));
  }
}

void read_ids(const json::value& query, const json::array& documents, const ServedModel& model, RerankFields& fields) {
  fields.query = ids_of(query, "query", model);
  for (const json::value& document : documents) {
    const std::string path = fmt::format("documents[{}]", fields.documents.size());
    fields.documents.push_back(ids_of(document, path, model));
    check_length(fields.query.size() + fields.documents.back().size(), path, model);
  }
}

// Before they were cut.
json::value returned(const json::value& document) {
  if (document.is_string()) return json::object{{"text", document}};
  return document.is_array() ? json::value(json::object{{"token_ids", document}}) : document;
}

}  // namespace

RerankFields read_rerank(const json::object& body, const ServedModel& model) {
  RerankFields fields{.model = model_of(required(body, "model"), model), .query = {}, .documents = {}, .fit = {}, .returned = {}};
  check_known(body,
              {"model", "query", "documents", "top_n", "return_documents", "max_tokens_per_doc", "truncate", "truncate_prompt_tokens"});
  check_ranks(model);
  fields.fit = fit_of(body, model);
  auto most_document = static_cast<size_t>(kNoLimit);
  if (const json::value* value = find(body, "max_tokens_per_doc")) {
    most_document = static_cast<size_t>(integer_of(*value, "max_tokens_per_doc", 1, kNoLimit));
  }
  const json::value& query = required(body, "query");
  const json::value& given = required(body, "documents");
  const json::array& documents = list_of(given, "documents", "an array of strings, of objects with a `text`, or of arrays of token ids");
  if (const json::value* text = text_in(query)) read_texts(*text, documents, most_document, model, fields);
  else read_ids(query, documents, model, fields);

  fields.top_n = fields.documents.size();
  if (const json::value* value = find(body, "top_n")) {  // more than there are is as many as there are
    fields.top_n = std::min(fields.top_n, static_cast<size_t>(integer_of(*value, "top_n", 1, kNoLimit)));
  }
  if (const json::value* value = find(body, "return_documents"); value != nullptr && flag_of(*value, "return_documents")) {
    std::ranges::transform(documents, std::back_inserter(fields.returned), returned);
  }
  return fields;
}

}  // namespace yoke::coordinator::api::openai
