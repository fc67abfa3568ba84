// config.json of Hugging Face's transformers, versions 4 and 5.
#pragma once

#include <filesystem>

#include "model/checkpoint.h"

namespace yoke::model {

// Everything but the name. Error{bad_file} names the field; Error{unsupported} names the model type, activation, RoPE type or
// quantisation that this build does not know.
ModelConfig read_hf_config(const std::filesystem::path& path);

}  // namespace yoke::model
