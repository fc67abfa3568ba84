// How a checkpoint of Hugging Face's kind says that it is quantised: quantization_config in config.json, or the file
// that its exporter left beside it. It tells what tensors do not: group sizes, blocks, conventions. Which modules are
// quantised and how, the tensors themselves tell (layouts.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/json_fields.h"

namespace yoke::model {

enum class QuantMethod : uint8_t { none, modelopt, compressed_tensors, fp8, awq, gptq, mxfp4 };

struct Quantisation {
  QuantMethod method = QuantMethod::none;
  std::vector<int64_t> groups;  // sizes of int4 groups that the file speaks of; -1: a whole row
  int64_t block = 128;          // FP8 with a scale for each square
  int8_t zero_bias = 0;         // GPTQ's first version stores zero - 1
  bool listed_groups = false;   // GPTQ's act-order: g_idx says each column's group
};

// `fields` is config.json; the exporters' own files lie in `folder`. Error{unsupported} names the method, algorithm,
// format or number of bits that this build does not read; Error{bad_file} the field.
Quantisation read_quantisation(const JsonFields& fields, const std::filesystem::path& folder);

}  // namespace yoke::model
