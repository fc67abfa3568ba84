// RoPE as config.json says it, in the spellings of transformers 4 and 5.
#pragma once

#include "model/architectures.h"
#include "model/config.h"
#include "model/json_fields.h"

namespace yoke::model {

// Fills config.rope, and config.attention_scale, which yarn changes for DeepSeek. config's head sizes and context must
// be there. Error{bad_file} names the field; Error{unsupported} a kind of scaling that this build does not know.
void read_hf_rope(const JsonFields& fields, const Architecture& row, ModelConfig& config);

// transformers' and the paper's (arXiv 2309.00071): 0.1 * weight * ln(factor) + 1, and 1 for factors up to 1.
double yarn_mscale(double factor, double weight);

}  // namespace yoke::model
