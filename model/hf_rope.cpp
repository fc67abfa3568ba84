#include "model/hf_rope.h"

#include <fmt/format.h>

#include <cmath>

#include "core/error.h"
#include "model/bad_file.h"
#include "model/config_limits.h"

namespace yoke::model {
namespace {

namespace json = boost::json;

[[noreturn]] void unsupported(const JsonFields& fields, const std::string& what) {
  throw Error{Code::unsupported, fmt::format("{}: {}", fields.file().string(), what)};
}

// transformers goes by `if mscale and mscale_all_dim`, so that 0 is the same as absent.
double nonzero_or_absent(const JsonFields& fields, std::string_view key) {
  const json::value* value = fields.find(key);
  if (value == nullptr || (value->is_number() && value->to_number<double>() == 0)) return 0;
  return fields.positive(key).value_or(0);
}

void read_llama3(const JsonFields& scaling, Rope& rope) {
  rope.scaling = RopeScaling::llama3;
  rope.low_freq_factor = scaling.required_positive("low_freq_factor");
  rope.high_freq_factor = scaling.required_positive("high_freq_factor");
}

void read_yarn(const JsonFields& scaling, bool latent, ModelConfig& config) {
  Rope& rope = config.rope;
  rope.scaling = RopeScaling::yarn;
  rope.beta_fast = scaling.positive("beta_fast").value_or(32.0);
  rope.beta_slow = scaling.positive("beta_slow").value_or(1.0);
  rope.truncate = scaling.boolean("truncate").value_or(true);
  const double mscale = nonzero_or_absent(scaling, "mscale"), all_dim = nonzero_or_absent(scaling, "mscale_all_dim");
  rope.attention_factor = mscale != 0 && all_dim != 0
                              ? yarn_mscale(rope.factor, mscale) / yarn_mscale(rope.factor, all_dim)
                              : yarn_mscale(rope.factor, 1.0);
  rope.attention_factor = scaling.positive("attention_factor").value_or(rope.attention_factor);
  if (latent && all_dim != 0) {  // DeepSeek multiplies the scores too
    const double m = yarn_mscale(rope.factor, all_dim);
    config.attention_scale = static_cast<float>(config.attention_scale * m * m);
  }
}

void read_scaling(const JsonFields& scaling, const Architecture& row, ModelConfig& config) {
  Rope& rope = config.rope;
  // "type" is the older spelling of "rope_type". Multimodal models count positions in three dimensions ("mrope"), which
  // are one and the same for text.
  const std::string type = scaling.string("rope_type").value_or(scaling.string("type").value_or("default"));
  if (type == "default" || (type == "mrope" && config.text_tower)) return;
  if (type != "linear" && type != "llama3" && type != "yarn") {
    unsupported(scaling,
                fmt::format("RoPE scaling {} is not offered by this build; default, linear, llama3 and yarn are",
                            printable(type)));
  }
  rope.original_context =
      scaling.integer("original_max_position_embeddings", {1, kMostContext}).value_or(config.context_length);
  const std::optional<double> factor = scaling.positive("factor");
  // DeepSeek-V3's way of leaving the factor out.
  const double implied = static_cast<double>(config.context_length) / static_cast<double>(rope.original_context);
  rope.factor = type == "yarn" ? factor.value_or(implied) : scaling.required_positive("factor");
  if (type == "linear")
    rope.scaling = RopeScaling::linear;
  else if (type == "llama3")
    read_llama3(scaling, rope);
  else
    read_yarn(scaling, row.latent, config);
}

// How many of a head's elements turn: a part of them (GLM) or a number (MiniMax).
int64_t read_dims(const JsonFields& fields, const std::optional<JsonFields>& parameters, const Architecture& row,
                  const ModelConfig& config) {
  if (row.latent) return config.latent.rope_dim;
  std::optional<double> part = parameters ? parameters->positive("partial_rotary_factor") : std::nullopt;
  if (!part) part = fields.positive("partial_rotary_factor");
  const std::optional<int64_t> dims = fields.integer("rotary_dim", {2, kMostHeadDim});
  if (row.defaults.rotary_part == 0) {
    if (part.value_or(1.0) != 1.0)
      unsupported(fields,
                  fmt::format("partial_rotary_factor {} is not offered by this build for {}; 1 is", *part, row.name));
    return config.head_dim;
  }
  if (!part && dims) return *dims;
  return static_cast<int64_t>(static_cast<double>(config.head_dim) * part.value_or(row.defaults.rotary_part));
}

}  // namespace

double yarn_mscale(double factor, double weight) {
  return factor <= 1 ? 1.0 : 0.1 * weight * std::log(factor) + 1.0;
}

// transformers 4: rope_theta at the top, rope_scaling beside it, or null. transformers 5: both within rope_parameters.
void read_hf_rope(const JsonFields& fields, const Architecture& row, ModelConfig& config) {
  Rope& rope = config.rope;
  rope.style = row.rope;
  if (row.rope == RopeStyle::none) return;
  if (row.latent && !fields.boolean("rope_interleave").value_or(true)) rope.style = RopeStyle::halves;
  const std::optional<JsonFields> parameters = fields.object("rope_parameters");
  const std::optional<double> theta = parameters ? parameters->positive("rope_theta") : std::nullopt;
  rope.theta = theta ? *theta : fields.positive("rope_theta").value_or(row.defaults.theta);
  const std::optional<JsonFields> older = fields.object("rope_scaling");
  if (parameters && older && parameters->raw() != older->raw()) {
    fields.refuse_field("rope_scaling", "rope_parameters or rope_scaling, or both alike");
  }
  const std::optional<JsonFields> scaling = parameters ? parameters : older;
  rope.dims = read_dims(fields, scaling, row, config);
  if (scaling) read_scaling(*scaling, row, config);
}

}  // namespace yoke::model
