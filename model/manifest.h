// The checksums of a checkpoint's bytes: MODEL.yoke.json beside its files, or in the cache where that cannot be written.
// docs/loading.md describes the file. Recorded at a first load or by `yoke manifest`, checked by every load after.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/checkpoint.h"

namespace yoke::model {

struct Manifest {
  struct File {
    std::string name;           // without its folder
    uint64_t bytes = 0;
    uint64_t header_bytes = 0;  // what lies before the file's first tensor; the whole of a file without one
    uint64_t header_hash = 0;
    friend bool operator==(const File&, const File&) = default;
  };
  std::vector<File> files;                                 // of Checkpoint::files
  std::map<std::string, std::vector<uint64_t>> hashes;     // of each tensor's chunks; 0: not known (yet)

  uint64_t chunks() const;
  uint64_t known() const;
};

// With the headers' hashes, which this reads, and no chunk known.
Manifest start_manifest(const Checkpoint& checkpoint);

// Where it is, or would be written: beside the files, in the cache.
std::filesystem::path manifest_beside(const Checkpoint& checkpoint);
std::filesystem::path manifest_in_cache(const Checkpoint& checkpoint);

// None where none was recorded. Error{bad_file} for one that is damaged, or that says of the checkpoint's files another size,
// header or set of tensors: they were changed, truncated or swapped.
std::optional<Manifest> find_manifest(const Checkpoint& checkpoint);

// Adds what `seen` knows to what is recorded, under a lock: agents of one machine, or with one disk, record what each of them
// read. Returns where it was written. Error{bad_file} names a chunk that was recorded as something else; Error{unavailable}
// where neither place can be written.
std::filesystem::path record(const Checkpoint& checkpoint, const Manifest& seen);
// Forgets what was recorded.
std::filesystem::path record_anew(const Checkpoint& checkpoint, const Manifest& seen);

// Error{bad_file}: a chunk of the tensor is not what was recorded, by file and bytes.
[[noreturn]] void refuse_chunk(const Checkpoint& checkpoint, const TensorInfo& tensor, uint64_t chunk);

}  // namespace yoke::model
