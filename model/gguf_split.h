// Models that llama-gguf-split cut into several files: NAME-00001-of-00003.gguf and so on, keys in the first, tensors
// in all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace yoke::model {

struct GgufPart {
  std::string model;   // the file's name without number and extension
  int64_t number = 0;  // from 0, as split.no
  int64_t count = 1;
};

// What a file's name says; nothing for one that is whole.
std::optional<GgufPart> gguf_part(const std::filesystem::path& path);

// What the model is called: the file's name without extension and part.
std::string gguf_model_name(const std::filesystem::path& path);

// All parts of the model that `path` is one of, in their order; `path` alone where it is whole. Error{not_found} names
// the first part that does not lie beside it, Error{bad_file} a link that leads out of the folder.
std::vector<std::filesystem::path> gguf_parts(const std::filesystem::path& path);

}  // namespace yoke::model
