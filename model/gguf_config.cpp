#include <fmt/format.h>

#include <cmath>

#include "core/error.h"
#include "model/architectures.h"
#include "model/bad_file.h"
#include "model/config_limits.h"
#include "model/gguf.h"
#include "model/hf_rope.h"

namespace yoke::model {
namespace {

[[noreturn]] void unsupported(const GgufMetadata& metadata, const std::string& what) {
  throw Error{Code::unsupported, fmt::format("{}: {}", metadata.file().string(), what)};
}

// The keys of one architecture: "qwen3moe.block_count".
class Keys {
 public:
  Keys(const GgufMetadata& metadata, std::string_view prefix)
      : metadata_(metadata), prefix_(std::string(prefix) + ".") {}

  std::string full(std::string_view key) const { return prefix_ + std::string(key); }
  std::optional<int64_t> integer(std::string_view key, int64_t least, int64_t most) const {
    return metadata_.integer(full(key), least, most);
  }
  int64_t required_integer(std::string_view key, int64_t least, int64_t most) const {
    return metadata_.required_integer(full(key), least, most);
  }
  std::optional<double> number(std::string_view key) const { return metadata_.number(full(key)); }
  double required_number(std::string_view key) const { return metadata_.required_number(full(key)); }
  std::optional<bool> boolean(std::string_view key) const { return metadata_.boolean(full(key)); }
  const std::string* string(std::string_view key) const { return metadata_.string(full(key)); }
  const GgufMetadata& metadata() const { return metadata_; }

 private:
  const GgufMetadata& metadata_;
  std::string prefix_;
};

// llama.cpp runs Mixtral as a llama with experts.
const Architecture& find_architecture(const GgufMetadata& metadata) {
  const std::string* name = metadata.string("general.architecture");
  if (name == nullptr) metadata.refuse_key("general.architecture", "the architecture's name");
  const Architecture* row = architecture_of_gguf(*name);
  if (row == nullptr) refuse_gguf_architecture(metadata.file(), *name);
  if (*name == "llama" && metadata.integer("llama.expert_count", 0, kMostExperts).value_or(0) > 0)
    return architecture_named("mixtral");
  return *row;
}

// llama.cpp's yarn is transformers': the factor on cos and sin beside the key's own. It rounds the corrected dimensions
// always; gpt-oss was trained without that.
void read_yarn(const Keys& keys, const Architecture& row, int64_t context_length, Rope& rope) {
  rope.scaling = RopeScaling::yarn;
  rope.original_context =
      keys.integer("rope.scaling.original_context_length", 1, kMostContext).value_or(context_length);
  rope.beta_fast = keys.number("rope.scaling.yarn_beta_fast").value_or(32.0);
  rope.beta_slow = keys.number("rope.scaling.yarn_beta_slow").value_or(1.0);
  rope.attention_factor = keys.number("rope.scaling.attn_factor").value_or(1.0) * yarn_mscale(rope.factor, 1.0);
  rope.truncate = row.name != "gpt_oss";
}

// llama3's scaling has no key: the converter writes its divisors as the tensor rope_freqs.weight.
void read_rope(const Keys& keys, const Architecture& row, ModelConfig& config) {
  Rope& rope = config.rope;
  rope.style = row.gguf_rope;
  rope.theta = keys.number("rope.freq_base").value_or(10000.0);
  const double factor =
      keys.number("rope.scaling.factor").value_or(keys.number("rope.scale_linear").value_or(1.0));  // the older key
  const std::string* type = keys.string("rope.scaling.type");
  const bool linear = type == nullptr ? factor != 1.0 && factor != 0.0 : *type == "linear";
  if (type != nullptr && *type != "linear" && *type != "none" && *type != "yarn") {
    unsupported(keys.metadata(),
                fmt::format("RoPE scaling {} is not offered by this build; none, linear, yarn and llama3 are",
                            printable(*type)));
  }
  if (linear) {
    rope.scaling = RopeScaling::linear;
    rope.factor = factor;
  } else if (type != nullptr && *type == "yarn") {
    rope.factor = factor;
    read_yarn(keys, row, config.context_length, rope);
  }
}

// A head's elements and how many of them turn: all, but for the architectures that turn a part.
void read_head(const Keys& keys, const Architecture& row, ModelConfig& config) {
  const std::optional<int64_t> key = keys.integer("attention.key_length", 2, kMostHeadDim);
  const std::optional<int64_t> turned = keys.integer("rope.dimension_count", 2, kMostHeadDim);
  config.head_dim = key ? *key : config.hidden % config.heads == 0 ? config.hidden / config.heads : turned.value_or(0);
  const int64_t value = keys.integer("attention.value_length", 2, kMostHeadDim).value_or(config.head_dim);
  if (value != config.head_dim) {
    unsupported(keys.metadata(),
                fmt::format("heads with keys of {} and values of {} elements are not offered by this build",
                            config.head_dim, value));
  }
  config.value_dim = config.head_dim;
  config.attention_scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(config.head_dim)));
  const int64_t whole = row.defaults.rotary_part == 0 ? config.head_dim : turned.value_or(config.head_dim);
  config.rope.dims = turned.value_or(config.head_dim);
  if (config.rope.dims != whole) {
    unsupported(keys.metadata(), fmt::format("RoPE over {} of a head's {} elements is not offered by this build for {}",
                                             *turned, config.head_dim, row.name));
  }
}

int64_t read_vocab(const Keys& keys) {
  const std::vector<std::string>* tokens = keys.metadata().strings("tokenizer.ggml.tokens");
  const auto listed = static_cast<int64_t>(tokens ? tokens->size() : 0);
  const int64_t vocab = keys.integer("vocab_size", 1, kMostVocab).value_or(listed);
  if (listed > vocab)
    keys.metadata().refuse_key(keys.full("vocab_size"), fmt::format("at least the {} tokens listed", listed));
  return vocab;
}

void read_moe(const Keys& keys, const Architecture& row, ModelConfig& config) {
  if (row.defaults.experts == 0) return;
  Moe& moe = config.moe;
  moe.router = row.router;
  moe.experts = keys.required_integer("expert_count", 1, kMostExperts);
  moe.top_k = keys.required_integer("expert_used_count", 1, kMostExperts);
  moe.intermediate = keys.integer("expert_feed_forward_length", 1, kMostWidth).value_or(config.intermediate);
  moe.shared_intermediate = keys.integer("expert_shared_count", 0, kMostExperts).value_or(0) * moe.intermediate;
  moe.renormalise = keys.boolean("expert_weights_norm").value_or(true);
  const double scaling = keys.number("expert_weights_scale").value_or(1.0);
  moe.scaling = scaling == 0 ? 1.0 : scaling;  // llama.cpp's way of saying that there is none
  moe.groups = keys.integer("expert_group_count", 0, kMostExperts).value_or(1);
  if (moe.groups == 0) moe.groups = 1;
  moe.top_groups = keys.integer("expert_group_used_count", 0, kMostExperts).value_or(1);
  constexpr int64_t kSoftmax = 1, kSigmoid = 2, kSoftmaxOfChosen = 3;  // llama_expert_gating_func_type
  const int64_t expected = row.router == RouterKind::softmax   ? kSoftmax
                           : row.router == RouterKind::sigmoid ? kSigmoid
                                                               : kSoftmaxOfChosen;
  const int64_t gating = keys.integer("expert_gating_func", 0, 16).value_or(0);
  if (gating != 0 && gating != expected)
    unsupported(keys.metadata(), fmt::format("expert_gating_func {} is not offered by this build for {}; {} is", gating,
                                             row.name, expected));
  const int64_t dense = keys.integer("leading_dense_block_count", 0, kMostLayers).value_or(0);
  for (int64_t i = dense; i < config.layers; ++i) config.layer_kinds[static_cast<size_t>(i)].moe = true;
}

void read_windows(const Keys& keys, const Architecture& row, ModelConfig& config) {
  const int64_t window = keys.integer("attention.sliding_window", 0, kMostContext).value_or(0);
  if (window == 0) return;
  if (row.windows != WindowRule::alternating)
    unsupported(keys.metadata(),
                fmt::format("attention.sliding_window {} is not offered by this build for {}", window, row.name));
  for (int64_t i = 0; i < config.layers; i += 2) config.layer_kinds[static_cast<size_t>(i)].window = window;
}

}  // namespace

ModelConfig config_from_gguf(const GgufMetadata& metadata) {
  const Architecture& row = find_architecture(metadata);
  const Keys keys(metadata, row.gguf.empty() ? "llama" : row.gguf);
  ModelConfig config;
  apply(row, config);
  config.hidden = keys.required_integer("embedding_length", 1, kMostWidth);
  config.layers = keys.required_integer("block_count", 1, kMostLayers);
  if (row.mtp) config.unserved_layers = keys.integer("nextn_predict_layers", 0, config.layers - 1).value_or(0);
  config.layers -= config.unserved_layers;
  config.layer_kinds.resize(static_cast<size_t>(config.layers));
  config.heads = keys.required_integer("attention.head_count", 1, kMostHeads);
  config.kv_heads = keys.integer("attention.head_count_kv", 1, kMostHeads).value_or(config.heads);
  config.context_length = keys.required_integer("context_length", 1, kMostContext);
  const char* epsilon =
      row.norm == NormKind::layer ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon";
  config.norm_epsilon = static_cast<float>(keys.required_number(epsilon));
  if (row.block == BlockKind::parallel)
    config.logit_scale = static_cast<float>(keys.number("logit_scale").value_or(1.0));
  config.vocab = read_vocab(keys);
  // Mixtures without dense layers need not say how wide these would be.
  const int64_t experts_width = keys.integer("expert_feed_forward_length", 1, kMostWidth).value_or(0);
  config.intermediate = experts_width > 0 ? keys.integer("feed_forward_length", 1, kMostWidth).value_or(experts_width)
                                          : keys.required_integer("feed_forward_length", 1, kMostWidth);
  read_head(keys, row, config);
  read_rope(keys, row, config);
  read_moe(keys, row, config);
  read_windows(keys, row, config);
  check_config(config, metadata.file());
  return config;
}

}  // namespace yoke::model
