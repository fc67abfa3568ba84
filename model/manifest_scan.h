// The checksums of all of a checkpoint's chunks, read by several threads.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "model/manifest.h"

namespace yoke::model {

struct ManifestScan {
  int threads = 1;
  std::function<void(uint64_t done, uint64_t total)> progress;  // bytes; on the caller's thread, ten times a second
};

// Error{bad_file} with file and offset for what cannot be read.
Manifest scan(const Checkpoint& checkpoint, const ManifestScan& how);

// A chunk that is not what was recorded.
struct BadChunk {
  const TensorInfo* tensor;
  uint64_t chunk;
  uint64_t begin, end;  // bytes of the file
};
std::vector<BadChunk> differences(const Checkpoint& checkpoint, const Manifest& recorded, const Manifest& found);

}  // namespace yoke::model
