#include "model/hf_config.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include "core/error.h"
#include "model/bad_file.h"
#include "model/config_limits.h"
#include "model/file_reader.h"
#include "model/json_fields.h"

namespace yoke::model {
namespace {

namespace json = boost::json;

constexpr uint64_t kMostConfigBytes = 1 << 20;

[[noreturn]] void unsupported(const JsonFields& fields, const std::string& what) {
  throw Error{Code::unsupported, fmt::format("{}: {}", fields.file().string(), what)};
}

void check_architecture(const JsonFields& fields) {
  const std::string type = fields.required_string("model_type");
  if (type != "llama")
    unsupported(fields, fmt::format("model_type {} is not offered by this build; llama is", printable(type)));
  const json::array* architectures = fields.array("architectures");
  if (architectures == nullptr) return;
  for (const json::value& value : *architectures) {
    if (!value.is_string()) fields.refuse_field("architectures", "an array of names");
    const std::string_view name(value.get_string());
    if (name != "LlamaForCausalLM") {
      unsupported(fields,
                  fmt::format("architecture {} is not offered by this build; LlamaForCausalLM is", printable(name)));
    }
  }
}

void check_variants(const JsonFields& fields) {
  const std::string activation = fields.string("hidden_act").value_or("silu");
  if (activation != "silu") {
    unsupported(fields, fmt::format("hidden_act {} is not offered by this build; silu is", printable(activation)));
  }
  if (const std::optional<JsonFields> quantization = fields.object("quantization_config")) {
    unsupported(fields, fmt::format("quantisation {} is not offered by this build; take the BF16 model or a GGUF file",
                                    printable(quantization->string("quant_method").value_or("without a name"))));
  }
}

void read_rope_scaling(const JsonFields& scaling, int64_t context_length, Rope& rope) {
  // "type" is the older spelling of "rope_type".
  const std::string type = scaling.string("rope_type").value_or(scaling.string("type").value_or("default"));
  const double rotary = scaling.positive("partial_rotary_factor").value_or(1.0);
  if (rotary != 1.0)
    unsupported(scaling, fmt::format("partial_rotary_factor {} is not offered by this build; 1 is", rotary));
  if (type == "default") return;
  if (type != "linear" && type != "llama3") {
    unsupported(scaling, fmt::format("RoPE scaling {} is not offered by this build; default, linear and llama3 are",
                                     printable(type)));
  }
  rope.factor = scaling.required_positive("factor");
  rope.scaling = RopeScaling::linear;
  if (type == "linear") return;
  rope.scaling = RopeScaling::llama3;
  rope.low_freq_factor = scaling.required_positive("low_freq_factor");
  rope.high_freq_factor = scaling.required_positive("high_freq_factor");
  rope.original_context =
      scaling.integer("original_max_position_embeddings", {1, kMostContext}).value_or(context_length);
}

// transformers 4: rope_theta at the top, rope_scaling beside it, or null. transformers 5: both within rope_parameters.
Rope read_rope(const JsonFields& fields, int64_t context_length) {
  Rope rope;
  rope.style = RopeStyle::halves;
  const std::optional<JsonFields> parameters = fields.object("rope_parameters");
  const std::optional<double> theta = parameters ? parameters->positive("rope_theta") : std::nullopt;
  rope.theta = theta ? *theta : fields.positive("rope_theta").value_or(10000.0);
  const std::optional<JsonFields> older = fields.object("rope_scaling");
  if (parameters && older && parameters->raw() != older->raw()) {
    fields.refuse_field("rope_scaling", "rope_parameters or rope_scaling, or both alike");
  }
  const std::optional<JsonFields> scaling = parameters ? parameters : older;
  if (scaling) read_rope_scaling(*scaling, context_length, rope);
  const double rotary = fields.positive("partial_rotary_factor").value_or(1.0);
  if (rotary != 1.0)
    unsupported(fields, fmt::format("partial_rotary_factor {} is not offered by this build; 1 is", rotary));
  return rope;
}

}  // namespace

HfConfig read_hf_config(const std::filesystem::path& path) {
  const FileReader file(path);
  const json::object root = parse_json_object(read_text(file, kMostConfigBytes), path, 0);
  const JsonFields fields(root, path, 0);
  check_architecture(fields);
  check_variants(fields);
  HfConfig hf;
  hf.attention_bias = fields.boolean("attention_bias").value_or(false);
  hf.mlp_bias = fields.boolean("mlp_bias").value_or(false);
  ModelConfig& config = hf.config;
  config.architecture = "llama";
  config.hidden = fields.required_integer("hidden_size", {1, kMostWidth});
  config.layers = fields.required_integer("num_hidden_layers", {1, kMostLayers});
  config.heads = fields.required_integer("num_attention_heads", {1, kMostHeads});
  config.kv_heads = fields.integer("num_key_value_heads", {1, kMostHeads}).value_or(config.heads);
  config.intermediate = fields.required_integer("intermediate_size", {1, kMostWidth});
  config.vocab = fields.required_integer("vocab_size", {1, kMostVocab});
  config.context_length = fields.required_integer("max_position_embeddings", {1, kMostContext});
  config.head_dim = fields.integer("head_dim", {2, kMostHeadDim}).value_or(config.hidden / config.heads);
  config.norm_epsilon = static_cast<float>(fields.positive("rms_norm_eps").value_or(1e-6));
  config.tied = fields.boolean("tie_word_embeddings").value_or(false);
  config.rope = read_rope(fields, config.context_length);
  check_config(config, path);
  return hf;
}

void check_biases(const HfConfig& hf, const Checkpoint& checkpoint) {
  const struct {
    const char* key;
    bool said;
    const char* tensor;
  } rows[] = {{"attention_bias", hf.attention_bias, "model.layers.0.self_attn.q_proj.bias"},
              {"mlp_bias", hf.mlp_bias, "model.layers.0.mlp.down_proj.bias"}};
  for (const auto& row : rows) {
    const bool there = checkpoint.tensors.contains(row.tensor);
    if (there == row.said) continue;
    refuse({.file = checkpoint.path,
            .found = fmt::format("{} = {} and {} tensor {}", row.key, row.said, there ? "a" : "no", row.tensor),
            .expected = "both or neither",
            .remedy = "configuration and tensors are of different models"});
  }
}

}  // namespace yoke::model
