// One weight of a checkpoint, straight from its file's bytes and the definition of its format: slow, and nothing of the loader.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "model/catalogue.h"

namespace yoke::node {

using FileBytes = std::vector<std::byte>;
std::vector<FileBytes> bytes_of(const model::Checkpoint& checkpoint);

float stored_weight(const std::vector<FileBytes>& files, const model::Weight& weight, int64_t row, int64_t col);

}  // namespace yoke::node
