#include <fmt/format.h>

#include "core/error.h"
#include "model/bad_file.h"
#include "model/config_limits.h"
#include "model/gguf.h"

namespace yoke::model {
namespace {

[[noreturn]] void unsupported(const GgufMetadata& metadata, const std::string& what) {
  throw Error{Code::unsupported, fmt::format("{}: {}", metadata.file().string(), what)};
}

void check_architecture(const GgufMetadata& metadata) {
  const std::string* architecture = metadata.string("general.architecture");
  if (architecture == nullptr) metadata.refuse_key("general.architecture", "the architecture's name");
  if (*architecture != "llama") {
    unsupported(metadata,
                fmt::format("architecture {} is not offered by this build; llama is", printable(*architecture)));
  }
  if (metadata.integer("llama.expert_count", 0, INT32_MAX).value_or(0) > 0) {
    unsupported(metadata, "a mixture of experts (llama.expert_count) is not offered by this build; dense models are");
  }
  if (metadata.integer("split.count", 0, INT32_MAX).value_or(1) > 1) {
    unsupported(metadata, "split GGUF files are not read by this build; join them with llama-gguf-split --merge");
  }
}

// llama3's scaling has no key: the converter writes its divisors as the tensor rope_freqs.weight.
Rope read_rope(const GgufMetadata& metadata) {
  Rope rope;
  rope.style = RopeStyle::neighbours;
  rope.theta = metadata.number("llama.rope.freq_base").value_or(10000.0);
  const double factor = metadata.number("llama.rope.scaling.factor")
                            .value_or(metadata.number("llama.rope.scale_linear").value_or(1.0));  // the older key
  const std::string* type = metadata.string("llama.rope.scaling.type");
  const bool linear = type == nullptr ? factor != 1.0 && factor != 0.0 : *type == "linear";
  if (type != nullptr && *type != "linear" && *type != "none") {
    unsupported(metadata, fmt::format("RoPE scaling {} is not offered by this build; none, linear and llama3 are",
                                      printable(*type)));
  }
  if (linear) {
    rope.scaling = RopeScaling::linear;
    rope.factor = factor;
  }
  return rope;
}

// The number of a head's elements, all of which must turn.
int64_t read_head_dim(const GgufMetadata& metadata, const ModelConfig& config) {
  const std::optional<int64_t> key = metadata.integer("llama.attention.key_length", 2, kMostHeadDim);
  const std::optional<int64_t> turned = metadata.integer("llama.rope.dimension_count", 2, kMostHeadDim);
  const int64_t head_dim = key                                 ? *key
                           : config.hidden % config.heads == 0 ? config.hidden / config.heads
                                                               : turned.value_or(0);
  const int64_t value = metadata.integer("llama.attention.value_length", 2, kMostHeadDim).value_or(head_dim);
  if (value != head_dim) {
    unsupported(metadata, fmt::format("heads with keys of {} and values of {} elements are not offered by this build",
                                      head_dim, value));
  }
  if (turned.value_or(head_dim) != head_dim) {
    unsupported(metadata,
                fmt::format("RoPE over {} of a head's {} elements is not offered by this build", *turned, head_dim));
  }
  return head_dim;
}

int64_t read_vocab(const GgufMetadata& metadata) {
  const std::vector<std::string>* tokens = metadata.strings("tokenizer.ggml.tokens");
  const auto listed = static_cast<int64_t>(tokens ? tokens->size() : 0);
  const int64_t vocab = metadata.integer("llama.vocab_size", 1, kMostVocab).value_or(listed);
  if (listed > vocab) metadata.refuse_key("llama.vocab_size", fmt::format("at least the {} tokens listed", listed));
  return vocab;
}

}  // namespace

ModelConfig config_from_gguf(const GgufMetadata& metadata) {
  check_architecture(metadata);
  ModelConfig config;
  config.architecture = "llama";
  config.hidden = metadata.required_integer("llama.embedding_length", 1, kMostWidth);
  config.layers = metadata.required_integer("llama.block_count", 1, kMostLayers);
  config.heads = metadata.required_integer("llama.attention.head_count", 1, kMostHeads);
  config.kv_heads = metadata.integer("llama.attention.head_count_kv", 1, kMostHeads).value_or(config.heads);
  config.intermediate = metadata.required_integer("llama.feed_forward_length", 1, kMostWidth);
  config.context_length = metadata.required_integer("llama.context_length", 1, kMostContext);
  config.norm_epsilon = static_cast<float>(metadata.required_number("llama.attention.layer_norm_rms_epsilon"));
  config.vocab = read_vocab(metadata);
  config.head_dim = read_head_dim(metadata, config);
  config.rope = read_rope(metadata);
  check_config(config, metadata.file());
  return config;
}

}  // namespace yoke::model
