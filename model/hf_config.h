// config.json of Hugging Face's transformers, versions 4 and 5.
#pragma once

#include <filesystem>

#include "model/checkpoint.h"

namespace yoke::model {

// Fills checkpoint.config, all but its name, and checkpoint.quantisation. A multimodal model's text tower is read from
// text_config. Error{bad_file} names the field; Error{unsupported} names the model type, class, activation, kind of
// attention, RoPE or quantisation that this build does not know.
void read_hf_config(const std::filesystem::path& path, Checkpoint& checkpoint);

// What no key says, the tensors do: whether an encoder has a pooler, and which zero biases AutoGPTQ left. Call once
// they are read.
void settle_hf_config(Checkpoint& checkpoint);

}  // namespace yoke::model
