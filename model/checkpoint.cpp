#include "model/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "model/folder_file.h"
#include "model/gguf.h"
#include "model/gguf_split.h"
#include "model/hf_config.h"
#include "model/identity.h"
#include "model/known/layers.h"
#include "model/safetensors.h"

namespace yoke::model {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// Folders with more entries are no model's.
constexpr size_t kMostEntries = 10'000;

std::vector<fs::path> gguf_files_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  size_t entries = 0;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (++entries > kMostEntries) break;
    if (it->path().extension() == ".gguf") found.push_back(it->path());
  }
  if (error) throw Error{Code::not_found, fmt::format("{} cannot be read: {}", folder.string(), error.message())};
  std::sort(found.begin(), found.end());
  return found;
}

void read_only_gguf(const fs::path& folder, Checkpoint& checkpoint) {
  const std::vector<fs::path> found = gguf_files_in(folder);
  const bool one = !found.empty() && std::ranges::all_of(found, [&](const fs::path& path) {
    return gguf_model_name(path) == gguf_model_name(found[0]);  // one file, or the parts of one model
  });
  if (one) return read_gguf(folder_file(folder, found[0].filename().string()), checkpoint);
  if (found.empty()) {
    throw Error{Code::not_found, fmt::format("{} has no model: expected config.json beside model.safetensors or "
                                             "model.safetensors.index.json, or one .gguf file",
                                             folder.string())};
  }
  std::string names;
  for (const fs::path& path : found) {
    names += (names.empty() ? std::string() : ", ") + path.filename().string();
    if (names.size() > 500) break;
  }
  throw Error{Code::invalid_argument,
              fmt::format("{} has {} .gguf files; name the one you mean: {}", folder.string(), found.size(), names)};
}

// `tensors` is a .safetensors file or an index of several; config.json lies beside it.
void read_hugging_face(const fs::path& tensors, Checkpoint& checkpoint) {
  read_hf_config(folder_file(tensors.parent_path(), "config.json"), checkpoint);
  if (tensors.extension() == ".json")
    read_safetensors_index(tensors, checkpoint);
  else
    read_safetensors_file(tensors, checkpoint);
  settle_hf_config(checkpoint);
}

void read_folder(const fs::path& folder, Checkpoint& checkpoint) {
  const fs::path single = folder_file(folder, "model.safetensors");
  const fs::path index = folder_file(folder, "model.safetensors.index.json");
  if (is_there(single))
    read_hugging_face(single, checkpoint);
  else if (is_there(index))
    read_hugging_face(index, checkpoint);
  else
    read_only_gguf(folder, checkpoint);
}

// "models/SmolLM2.gguf" is called SmolLM2, "models/SmolLM2/" and "." by their folder's name.
// Links are not followed: what the user calls it is its name.
std::string served_name(const fs::path& path, bool is_folder) {
  if (path.extension() == ".gguf" && !is_folder) return gguf_model_name(path);
  std::error_code ignored;
  fs::path named = fs::absolute(path, ignored).lexically_normal();
  if (!named.has_filename()) named = named.parent_path();  // it ended with a slash
  if (!is_folder) named = named.parent_path();
  const std::string name = named.filename().string();
  return name.empty() ? "model" : name;
}

}  // namespace

Checkpoint open_checkpoint(const fs::path& path) {
  if (known::is_layers(path.string())) return known::open_layers(path.string());
  Checkpoint checkpoint;
  checkpoint.path = path;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    throw Error{Code::not_found, fmt::format("{}: no such file or folder{}", path.string(),
                                             fs::status_known(status) ? "" : " (" + error.message() + ")")};
  }
  const bool is_folder = fs::is_directory(status);
  if (is_folder) {
    read_folder(path, checkpoint);
  } else if (path.extension() == ".gguf") {
    read_gguf(path, checkpoint);
  } else if (path.extension() == ".safetensors") {
    read_hugging_face(path, checkpoint);
  } else {
    throw Error{Code::unsupported,
                fmt::format("{}: give a .gguf or .safetensors file, or a model's folder", path.string())};
  }
  checkpoint.config.name = served_name(path, is_folder);
  checkpoint.identity = identity_of(checkpoint);
  return checkpoint;
}

}  // namespace yoke::model
