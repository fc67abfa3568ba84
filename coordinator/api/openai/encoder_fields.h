// From the JSON of an encoder's two endpoints to what they ask for. Unknown fields are refused by name, as fields.h does; null
// counts as absent.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/api/openai/encoder_text.h"

namespace yoke::coordinator::api::openai {

// Inputs, or documents, of one request: OpenAI's bound of an array of inputs.
inline constexpr size_t kMaxInputs = 2048;

struct EmbeddingsFields {
  std::string model;                         // the name that the client used
  std::vector<std::vector<TokenId>> inputs;  // each of one token at least, none longer than the context
  bool base64 = false;
  bool normalise = true;
  int64_t dimensions = 0;                    // 1 .. hidden
};

struct RerankFields {
  std::string model;
  std::vector<TokenId> query;
  std::vector<std::vector<TokenId>> documents;
  bool text = false;         // they were text: the model's special tokens belong around a pair, which `fit` bounds
  Fit fit;
  size_t top_n = 0;          // 1 .. documents
  std::vector<boost::json::value> returned;  // the documents as they come back; empty where they do not
};

// Error{invalid_argument}, {unsupported} (also for a model of another kind), {not_found} (the model) or {context_exceeded}, with
// the field as param.
EmbeddingsFields read_embeddings(const boost::json::object& body, const ServedModel& model);
RerankFields read_rerank(const boost::json::object& body, const ServedModel& model);

}  // namespace yoke::coordinator::api::openai
