// The architectures that this build runs: one row each, data of which configuration readers, catalogue and forward pass
// are composed. A new architecture of known parts is a row here and, where it spells its tensors in its own way, some
// in names.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "model/config.h"

namespace yoke::model {

enum class Presence : uint8_t { never, by_key, always };  // by_key: config.json's attention_bias, mlp_bias, use_qk_norm

// Which layers see a window only, where config.json has no layer_types.
enum class WindowRule : uint8_t {
  none,
  every_layer,   // all, where sliding_window is a number                          (Mistral, Mixtral)
  switched,      // all, where use_sliding_window is true                          (Qwen3-MoE)
  upper_layers,  // those from max_window_layers on, where use_sliding_window is true
  alternating,   // the first, third, ...                                          (gpt-oss)
};

// What transformers' configuration class says where a key is absent.
struct Defaults {
  double epsilon = 1e-6;
  double theta = 10000.0;
  int64_t kv_heads = 0;  // 0: as many as heads
  int64_t head_dim = 0;  // 0: hidden / heads
  int64_t window = 0;
  bool tied = false;
  bool qk_norm = false;    // use_qk_norm
  bool qkv_bias = false;   // attention_bias
  double rotary_part = 0;  // partial_rotary_factor; 0: the model has no such key and turns whole heads
  int64_t experts = 0;     // 0: no mixture of experts
  int64_t top_k = 0;
  bool renormalise = true;  // norm_topk_prob
};

struct Architecture {
  std::string_view name;                        // ModelConfig::architecture
  std::array<std::string_view, 4> model_types;  // config.json's model_type; text towers have their own
  std::array<std::string_view, 6> classes;      // and its `architectures`
  std::string_view gguf;                        // general.architecture; empty: this build reads none
  NormKind norm;
  BlockKind block;
  QkNorm qk_norm;
  Presence qk_norm_presence;
  MlpKind mlp;
  RouterKind router;
  RopeStyle rope;       // in Hugging Face's files
  RopeStyle gguf_rope;  // in GGUF files
  Presence qkv_bias, o_bias, mlp_bias;
  bool router_bias;
  bool correction;
  bool sinks;
  bool latent;  // multi-head latent attention
  bool encoder;
  WindowRule windows;
  bool mtp;  // checkpoints hold layers of multi-token prediction behind the last
  Defaults defaults;
};

// Null for a name that the table lacks.
const Architecture* architecture_of_model_type(std::string_view model_type);
const Architecture* architecture_of_gguf(std::string_view name);
// Asserts that the name is a row's.
const Architecture& architecture_named(std::string_view name);

// Error{unsupported}: "FILE: WHAT 'FOUND' is not offered by this build; LIST are".
[[noreturn]] void refuse_model_type(const std::filesystem::path& file, std::string_view found);
[[noreturn]] void refuse_gguf_architecture(const std::filesystem::path& file, std::string_view found);

// The kinds that the row alone decides.
void apply(const Architecture& row, ModelConfig& config);

}  // namespace yoke::model
