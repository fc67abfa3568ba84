// The name of exactly this checkpoint, by which processes agree that they opened the same files.
#pragma once

#include <string>

#include "model/checkpoint.h"

namespace yoke::model {

// SHA-256, hex: over every file's name (without its folder), size and modification time, every tensor's place, and the
// configuration but for its served name.
std::string identity_of(const Checkpoint& checkpoint);

}  // namespace yoke::model
