#include <fmt/format.h>

#include <boost/json.hpp>

#include <utility>

#include "coordinator/api/error_reply.h"
#include "coordinator/api/openai/encoder_fields.h"
#include "coordinator/api/openai/encoder_readers.h"
#include "coordinator/api/openai/field_readers.h"

namespace yoke::coordinator::api::openai {
namespace {

namespace json = boost::json;

void check_embeds(const ServedModel& model) {
  if (!model.config.encoder.is) {
    throw Error(Code::unsupported, "this model is a decoder; use /v1/chat/completions or /v1/completions", "model");
  }
  if (!model.pooling) {
    throw Error(Code::unsupported,
                "this model's folder asks for a pooling or a module that this build does not offer; the server's log names it", "model");
  }
}

// The name of a prompt in the model's own files.
std::string prompt_of(const json::object& body, const Pooling& pooling) {
  std::string prompt = pooling.default_prompt;
  if (const json::value* value = find(body, "prompt_name")) {
    const auto found = pooling.prompts.find(text_of(*value, "prompt_name"));
    if (found == pooling.prompts.end()) {
      std::string known;
      for (const auto& [name, text] : pooling.prompts) known += (known.empty() ? "" : ", ") + printable(name);
      throw Error(Code::invalid_argument,
                  fmt::format("prompt_name is none of the model's prompts: {}", known.empty() ? "it has none" : known), "prompt_name");
    }
    prompt = found->second;
  }
  if (prompt.empty() || pooling.pools_prompts) return prompt;
  throw Error(Code::unsupported, "this model leaves its prompts out of the pooling, which this build does not offer", "prompt_name");
}

struct InputReader {
  const ServedModel& model;
  const Fit fit;
  const std::string prompt;

  std::vector<TokenId> operator()(const json::value& value, const std::string& path) const {
    if (value.is_string()) return text_tokens(model, prompt, text_of(value, path), fit, path);
    std::vector<TokenId> ids = ids_of(value, path, model);
    check_length(ids.size(), path, model);
    return ids;
  }
};

// One text, one list of ids, or an array of either.
void read_input(const json::value& input, const InputReader& read, EmbeddingsFields& fields) {
  const json::array* items = input.if_array();
  if (input.is_string() || (items != nullptr && !items->empty() && items->front().is_number())) {
    fields.inputs.push_back(read(input, "input"));
    return;
  }
  for (const json::value& item : list_of(input, "input", "a string, an array of strings, of token ids, or of arrays of token ids")) {
    fields.inputs.push_back(read(item, fmt::format("input[{}]", fields.inputs.size())));
  }
}

}  // namespace

EmbeddingsFields read_embeddings(const json::object& body, const ServedModel& model) {
  EmbeddingsFields fields{.model = model_of(required(body, "model"), model), .inputs = {}, .dimensions = model.config.hidden};
  check_known(
      body, {"model", "input", "encoding_format", "dimensions", "user", "truncate", "truncate_prompt_tokens", "prompt_name", "normalize"});
  check_embeds(model);
  read_input(required(body, "input"), {.model = model, .fit = fit_of(body, model), .prompt = prompt_of(body, *model.pooling)}, fields);

  if (const json::value* value = find(body, "encoding_format")) {
    const std::string format = text_of(*value, "encoding_format");
    if (format != "float" && format != "base64") {
      throw Error(Code::invalid_argument, fmt::format("encoding_format must be float or base64, got {}", printable(format)),
                  "encoding_format");
    }
    fields.base64 = format == "base64";
  }
  fields.normalise = model.pooling->normalise;
  if (const json::value* value = find(body, "normalize")) fields.normalise = flag_of(*value, "normalize");
  if (const json::value* value = find(body, "dimensions")) fields.dimensions = integer_of(*value, "dimensions", 1, model.config.hidden);
  if (const json::value* value = find(body, "user")) text_of(*value, "user");
  return fields;
}

}  // namespace yoke::coordinator::api::openai
