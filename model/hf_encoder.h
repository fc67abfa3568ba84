// The keys of config.json that only encoders have.
#pragma once

#include "model/config.h"
#include "model/json_fields.h"

namespace yoke::model {

// Fills config.encoder and the context length that its positions leave. `head_class` is the first of `architectures`.
void read_hf_encoder(const JsonFields& fields, std::string_view head_class, ModelConfig& config);

}  // namespace yoke::model
