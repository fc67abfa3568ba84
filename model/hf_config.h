// config.json of Hugging Face's transformers, versions 4 and 5.
#pragma once

#include <filesystem>

#include "model/checkpoint.h"

namespace yoke::model {

struct HfConfig {
  ModelConfig config;  // all but the name
  bool attention_bias = false;
  bool mlp_bias = false;
};

// Error{bad_file} names the field; Error{unsupported} names the model type, activation, RoPE type or
// quantisation that this build does not know.
HfConfig read_hf_config(const std::filesystem::path& path);

// Error{bad_file} unless the tensors have biases exactly where the configuration says so: transformers goes by the
// configuration and we by the tensors.
void check_biases(const HfConfig& hf, const Checkpoint& checkpoint);

}  // namespace yoke::model
