// The mixture of experts and the latent attention of config.json: each family's own keys.
#pragma once

#include "model/architectures.h"
#include "model/config.h"
#include "model/json_fields.h"

namespace yoke::model {

// Fills config.moe and which of config.layer_kinds have it; nothing for a dense model. Errors as read_hf_config's.
void read_hf_moe(const JsonFields& fields, const Architecture& row, ModelConfig& config);

// Fills config.latent and the head sizes that follow from it; nothing for other models.
void read_hf_latent(const JsonFields& fields, const Architecture& row, ModelConfig& config);

}  // namespace yoke::model
