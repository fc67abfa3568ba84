// A manifest as text. docs/loading.md describes it.
#pragma once

#include <filesystem>
#include <string>

#include "model/manifest.h"

namespace yoke::model {

std::string to_json(const Manifest& manifest);

// Error{bad_file} names what is wrong with the file.
Manifest read_manifest(const std::filesystem::path& path);

}  // namespace yoke::model
