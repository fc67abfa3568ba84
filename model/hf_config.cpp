#include "model/hf_config.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "model/architectures.h"
#include "model/bad_file.h"
#include "model/config_limits.h"
#include "model/file_reader.h"
#include "model/hf_encoder.h"
#include "model/hf_moe.h"
#include "model/hf_rope.h"
#include "model/json_fields.h"

namespace yoke::model {
namespace {

namespace json = boost::json;

constexpr uint64_t kMostConfigBytes = 1 << 20;

[[noreturn]] void unsupported(const JsonFields& fields, const std::string& what) {
  throw Error{Code::unsupported, fmt::format("{}: {}", fields.file().string(), what)};
}

// Multimodal models whose text tower's keys lie at the top, as before transformers 4.52.
constexpr std::pair<std::string_view, std::string_view> kFlatTowers[] = {{"qwen2_vl", "qwen2"},
                                                                         {"qwen2_5_vl", "qwen2"}};

const Architecture& find_architecture(const JsonFields& fields, bool& text_tower) {
  const std::string type = fields.required_string("model_type");
  if (const Architecture* row = architecture_of_model_type(type)) return *row;
  for (const auto& [tower, text] : kFlatTowers) {
    if (tower != type) continue;
    text_tower = true;
    return *architecture_of_model_type(text);
  }
  refuse_model_type(fields.file(), type);
}

// The first class, which says what an encoder is for; "" where none is named.
std::string check_classes(const JsonFields& fields, const Architecture& row, bool text_tower) {
  const std::vector<std::string> classes = fields.strings("architectures");
  for (const std::string& name : classes) {
    if (text_tower || std::ranges::find(row.classes, name) != row.classes.end()) continue;
    std::string known;
    for (const std::string_view known_name : row.classes) {
      if (!known_name.empty()) known += fmt::format("{}{}", known.empty() ? "" : ", ", known_name);
    }
    unsupported(fields, fmt::format("architecture {} is not offered by this build for {}; {} are", printable(name),
                                    row.name, known));
  }
  return classes.empty() ? std::string(row.classes[0]) : classes[0];
}

void check_activation(const JsonFields& fields, const Architecture& row) {
  const std::string_view offered = row.mlp == MlpKind::gelu ? "gelu" : "silu";
  std::string found = fields.string("hidden_act").value_or(std::string(offered));
  if (found == "swish") found = "silu";
  if (found != offered)
    unsupported(fields, fmt::format("hidden_act {} is not offered by this build for {}; {} is", printable(found),
                                    row.name, offered));
}

bool present(Presence rule, bool said) {
  return rule == Presence::always || (rule == Presence::by_key && said);
}

void read_sizes(const JsonFields& fields, const Architecture& row, ModelConfig& config) {
  config.hidden = fields.required_integer("hidden_size", {1, kMostWidth});
  config.layers = fields.required_integer("num_hidden_layers", {1, kMostLayers});
  config.heads = fields.required_integer("num_attention_heads", {1, kMostHeads});
  // null means as many as heads, whatever the class would say of an absent key.
  const int64_t kv_heads =
      row.defaults.kv_heads == 0 || fields.is_null("num_key_value_heads") ? config.heads : row.defaults.kv_heads;
  config.kv_heads =
      row.encoder ? config.heads : fields.integer("num_key_value_heads", {1, kMostHeads}).value_or(kv_heads);
  config.intermediate = fields.required_integer("intermediate_size", {1, kMostWidth});
  config.vocab = fields.required_integer("vocab_size", {1, kMostVocab});
  config.context_length = fields.required_integer("max_position_embeddings", {1, kMostContext});
  const int64_t even = config.hidden / config.heads;
  const int64_t head_dim = row.defaults.head_dim == 0 || fields.is_null("head_dim") ? even : row.defaults.head_dim;
  config.head_dim = row.encoder ? even : fields.integer("head_dim", {2, kMostHeadDim}).value_or(head_dim);
  config.value_dim = config.head_dim;
  config.attention_scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(config.head_dim)));
  config.layer_kinds.resize(static_cast<size_t>(config.layers));
}

void read_extras(const JsonFields& fields, const Architecture& row, ModelConfig& config) {
  const char* epsilon = row.norm == NormKind::layer ? "layer_norm_eps" : "rms_norm_eps";
  config.norm_epsilon = static_cast<float>(fields.positive(epsilon).value_or(row.defaults.epsilon));
  config.tied = !row.encoder && fields.boolean("tie_word_embeddings").value_or(row.defaults.tied);
  const bool attention_bias = fields.boolean("attention_bias").value_or(row.defaults.qkv_bias);
  config.biases.qkv = present(row.qkv_bias, attention_bias);
  config.biases.o = present(row.o_bias, attention_bias);
  config.biases.mlp = present(row.mlp_bias, fields.boolean("mlp_bias").value_or(false));
  if (row.latent && attention_bias)
    unsupported(fields, "attention_bias true is not offered by this build for latent attention");
  const std::optional<bool> qk_norm = fields.boolean("use_qk_norm");
  if (!present(row.qk_norm_presence, qk_norm.value_or(row.defaults.qk_norm))) config.qk_norm = QkNorm::none;
  if (row.qk_norm_presence == Presence::always && !qk_norm.value_or(true))
    unsupported(fields, fmt::format("use_qk_norm false is not offered by this build for {}", row.name));
  if (row.block == BlockKind::parallel)
    config.logit_scale = static_cast<float>(fields.positive("logit_scale").value_or(0.0625));
  if (row.mlp == MlpKind::swiglu_clamped) {
    config.swiglu_alpha = static_cast<float>(fields.positive("swiglu_alpha").value_or(1.702));
    config.swiglu_limit = static_cast<float>(fields.positive("swiglu_limit").value_or(7.0));
  }
  if (row.mtp) config.unserved_layers = fields.integer("num_nextn_predict_layers", {0, kMostLayers}).value_or(1);
}

// Whether layer i sees a window only, where no layer_types say so.
bool is_windowed(const Architecture& row, const JsonFields& fields, int64_t layer) {
  const bool on = fields.boolean("use_sliding_window").value_or(false);
  switch (row.windows) {
    case WindowRule::none:
      return false;
    case WindowRule::every_layer:
      return true;
    case WindowRule::switched:
      return on;
    case WindowRule::upper_layers:
      return on && layer >= fields.integer("max_window_layers", {0, kMostLayers}).value_or(28);
    case WindowRule::alternating:
      return layer % 2 == 0;
  }
  return false;
}

void read_windows(const JsonFields& fields, const Architecture& row, ModelConfig& config) {
  const bool switched = row.windows == WindowRule::switched || row.windows == WindowRule::upper_layers;
  const bool off = switched && !fields.boolean("use_sliding_window").value_or(false);
  const int64_t fallback = fields.is_null("sliding_window") ? 0 : row.defaults.window;
  const int64_t window = off ? 0 : fields.integer("sliding_window", {1, kMostContext}).value_or(fallback);
  const std::vector<std::string> types = fields.strings("layer_types");
  if (!types.empty() && types.size() != static_cast<size_t>(config.layers))
    fields.refuse_field("layer_types", fmt::format("one type for each of {} layers", config.layers));
  for (int64_t i = 0; i < config.layers; ++i) {
    const auto at = static_cast<size_t>(i);
    const bool sliding = !types.empty() && types[at] == "sliding_attention";
    if (!types.empty() && !sliding && types[at] != "full_attention")
      unsupported(fields, fmt::format("layer_types with {} is not offered by this build; full_attention and "
                                      "sliding_attention are",
                                      printable(types[at])));
    const bool windowed = types.empty() ? is_windowed(row, fields, i) : sliding;
    if (sliding && window == 0) fields.refuse_field("sliding_window", "a window for the layers of sliding_attention");
    config.layer_kinds[at].window = windowed ? window : 0;
  }
}

}  // namespace

void read_hf_config(const std::filesystem::path& path, Checkpoint& checkpoint) {
  const FileReader file(path);
  const json::object root = parse_json_object(read_text(file, kMostConfigBytes), path, 0);
  const JsonFields whole(root, path, 0);
  const std::optional<JsonFields> text = whole.object("text_config");
  const JsonFields& fields = text ? *text : whole;
  ModelConfig& config = checkpoint.config;
  config.text_tower = text.has_value();
  const Architecture& row = find_architecture(fields, config.text_tower);
  const std::string head_class = check_classes(fields, row, config.text_tower);
  check_activation(fields, row);
  apply(row, config);
  read_sizes(fields, row, config);
  read_hf_latent(fields, row, config);
  read_extras(fields, row, config);
  // transformers 5 keeps this key of a multimodal model at the top.
  if (text && !fields.find("tie_word_embeddings"))
    config.tied = whole.boolean("tie_word_embeddings").value_or(config.tied);
  read_windows(fields, row, config);
  read_hf_moe(fields, row, config);
  read_hf_rope(fields, row, config);
  if (row.encoder) read_hf_encoder(fields, head_class, config);
  check_config(config, path);
  checkpoint.quantisation = read_quantisation(whole.find("quantization_config") ? whole : fields, path.parent_path());
}

void settle_hf_config(Checkpoint& checkpoint) {
  ModelConfig& config = checkpoint.config;
  const auto has = [&](std::string_view end) {
    return std::ranges::any_of(checkpoint.tensors, [&](const auto& entry) { return entry.first.ends_with(end); });
  };
  if (config.encoder.is && config.encoder.head == EncoderHead::none && has("pooler.dense.weight"))
    config.encoder.head = EncoderHead::pooler;
  // AutoGPTQ wrote a bias for every matrix, zeros where the model has none; as numbers they do no harm.
  if (checkpoint.quantisation.method == QuantMethod::gptq) {
    config.biases.qkv |= has("layers.0.self_attn.q_proj.bias");
    config.biases.o |= has("layers.0.self_attn.o_proj.bias");
    config.biases.mlp |= has("layers.0.mlp.down_proj.bias");
  }
}

}  // namespace yoke::model
