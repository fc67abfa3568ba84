#include "model/hf_encoder.h"

#include <fmt/format.h>

#include "core/error.h"
#include "model/bad_file.h"
#include "model/config_limits.h"

namespace yoke::model {
namespace {

[[noreturn]] void unsupported(const JsonFields& fields, const std::string& what) {
  throw Error{Code::unsupported, fmt::format("{}: {}", fields.file().string(), what)};
}

void check_variants(const JsonFields& fields) {
  const std::string positions = fields.string("position_embedding_type").value_or("absolute");
  if (positions != "absolute")
    unsupported(fields, fmt::format("position_embedding_type {} is not offered by this build; absolute is",
                                    printable(positions)));
  for (const char* key : {"is_decoder", "add_cross_attention"}) {
    if (fields.boolean(key).value_or(false))
      unsupported(fields, fmt::format("{} true is not offered by this build", key));
  }
}

int64_t read_labels(const JsonFields& fields) {
  const std::optional<JsonFields> names = fields.object("id2label");
  const int64_t named = names ? static_cast<int64_t>(names->raw().size()) : 2;
  return fields.integer("num_labels", {1, kMostWidth}).value_or(named);
}

}  // namespace

void read_hf_encoder(const JsonFields& fields, std::string_view head_class, ModelConfig& config) {
  check_variants(fields);
  Encoder& encoder = config.encoder;
  encoder.positions = fields.required_integer("max_position_embeddings", {1, kMostContext});
  encoder.token_types = fields.integer("type_vocab_size", {1, kMostVocab}).value_or(2);
  // RoBERTa counts positions from behind the padding token's id.
  if (config.architecture == "xlm_roberta")
    encoder.position_offset = fields.integer("pad_token_id", {0, kMostVocab}).value_or(1) + 1;
  if (encoder.positions <= encoder.position_offset)
    fields.refuse_field("max_position_embeddings",
                        fmt::format("more than the first position, {}", encoder.position_offset));
  config.context_length = encoder.positions - encoder.position_offset;
  if (head_class.ends_with("ForSequenceClassification")) {
    encoder.head = EncoderHead::classifier;
    encoder.labels = read_labels(fields);
  }
}

}  // namespace yoke::model
