// safetensors: u64 length of the header, a JSON object {name: {dtype, shape, data_offsets}}, then the tensors' bytes.
// The format: README.md of huggingface/safetensors. Only headers are read here.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "model/checkpoint.h"
#include "model/file_reader.h"

namespace yoke::model {

// The tensors of one file in the order of their bytes; TensorInfo::file is 0. Error{bad_file} for a header that is not
// what the format says: too long, no JSON, a field missing or of another type, a shape that overflows, data_offsets
// that do not fit dtype x shape, overlap, leave holes or end before or behind the file. Error{unsupported} names a
// dtype that we do not read.
std::vector<TensorInfo> read_safetensors_header(const FileReader& file);

// Fills files, file_bytes and tensors from the .safetensors files of a model: one file, or the shards that an index
// names.
void read_safetensors_file(const std::filesystem::path& path, Checkpoint& checkpoint);
void read_safetensors_index(const std::filesystem::path& index, Checkpoint& checkpoint);

}  // namespace yoke::model
