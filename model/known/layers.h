// Layers of a known model, alone: true sizes, no files, no embedding and no head. What `yoke bench MODEL:FORMAT --layers N` runs.
#pragma once

#include <string>
#include <string_view>

#include "model/checkpoint.h"

namespace yoke::model::known {

// "known:llama-3.1-405b:nvfp4:1". Error{invalid_argument} for a text that is none, Error{not_found} for a model or a format that is not
// known, with the names of those that are.
std::string layers_name(std::string_view model_and_format, int64_t layers);
bool is_layers(std::string_view name);
Checkpoint open_layers(const std::string& name);

// The formats by name: "bf16", "nvfp4", "mxfp4", "fp8", "fp8-block", "int4".
WeightFormat format_named(std::string_view name);

}  // namespace yoke::model::known
