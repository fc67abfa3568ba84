#include "model/manifest.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/units.h"
#include "model/bad_file.h"
#include "model/chunk_hash.h"
#include "model/file_reader.h"
#include "model/folder_file.h"
#include "model/manifest_json.h"

namespace yoke::model {
namespace {

namespace fs = std::filesystem;

std::vector<uint64_t> header_sizes(const Checkpoint& checkpoint) {
  std::vector<uint64_t> sizes = checkpoint.file_bytes;
  for (const auto& [name, tensor] : checkpoint.tensors) sizes[tensor.file] = std::min(sizes[tensor.file], tensor.offset);
  return sizes;
}

uint64_t hash_of_start(const fs::path& path, uint64_t bytes) {
  const FileReader file(path);
  RunningHash hash;
  std::vector<std::byte> piece(std::min<uint64_t>(bytes, 1 << 20));
  for (uint64_t at = 0; at < bytes; at += piece.size()) {
    const std::span<std::byte> part = std::span(piece).first(std::min<uint64_t>(piece.size(), bytes - at));
    file.read(at, part);
    hash.add(part);
  }
  return hash.value();
}

constexpr const char* kReplaced =
    "the file was changed, truncated or swapped since its checksums were recorded; get it again, or, if you replaced it yourself, run "
    "`yoke manifest MODEL` to record it anew";

void check_file(const fs::path& path, const Manifest::File& found, const Manifest::File& recorded) {
  if (found.name != recorded.name) refuse({path, 0, printable(found.name), printable(recorded.name) + " by the manifest", kReplaced});
  if (found.bytes != recorded.bytes) {
    refuse({path, std::min(found.bytes, recorded.bytes), fmt::format("{} bytes in the file", found.bytes),
            fmt::format("{} by the manifest", recorded.bytes), kReplaced});
  }
  if (found.header_bytes != recorded.header_bytes || found.header_hash != recorded.header_hash) {
    refuse({path, 0, fmt::format("a header of {} bytes with checksum {:016x}", found.header_bytes, found.header_hash),
            fmt::format("one of {} bytes with {:016x} by the manifest", recorded.header_bytes, recorded.header_hash), kReplaced});
  }
}

// Three times what to_json writes at most: 11 characters a chunk, 6 a byte of a name.
uint64_t most_text_bytes(const Manifest& manifest) {
  uint64_t bytes = 4096;
  for (const Manifest::File& file : manifest.files) bytes += 256 + 6 * file.name.size();
  for (const auto& [name, hashes] : manifest.hashes) bytes += 16 + 6 * name.size() + 11 * hashes.size();
  return 3 * bytes;
}

}  // namespace

uint64_t Manifest::chunks() const {
  uint64_t count = 0;
  for (const auto& [name, tensor] : hashes) count += tensor.size();
  return count;
}

uint64_t Manifest::known() const {
  uint64_t count = 0;
  for (const auto& [name, tensor] : hashes) count += static_cast<uint64_t>(std::count_if(tensor.begin(), tensor.end(), [](uint64_t h) { return h != 0; }));
  return count;
}

Manifest start_manifest(const Checkpoint& checkpoint) {
  Manifest manifest;
  const std::vector<uint64_t> headers = header_sizes(checkpoint);
  for (size_t i = 0; i < checkpoint.files.size(); ++i) {
    manifest.files.push_back({checkpoint.files[i].filename().string(), checkpoint.file_bytes[i], headers[i],
                              hash_of_start(checkpoint.files[i], headers[i])});
  }
  for (const auto& [name, tensor] : checkpoint.tensors) manifest.hashes[name].resize(chunk_count(tensor));
  return manifest;
}

std::optional<Manifest> find_manifest(const Checkpoint& checkpoint) {
  std::error_code ignored;
  for (const fs::path& path : {manifest_beside(checkpoint), manifest_in_cache(checkpoint)}) {
    if (path.empty() || !fs::exists(path, ignored)) continue;
    const Manifest found = start_manifest(checkpoint);
    const uint64_t bytes = fs::file_size(path, ignored), most = most_text_bytes(found);
    if (!ignored && bytes > most) refuse({path, 0, fmt::format("{} bytes", bytes), fmt::format("at most {} for this model", most), kReplaced});
    Manifest recorded = read_manifest(folder_file(path.parent_path(), path.filename().string()));
    if (found.files.size() != recorded.files.size()) {
      refuse({path, 0, fmt::format("{} files", recorded.files.size()), fmt::format("the model's {}", found.files.size()), kReplaced});
    }
    for (size_t i = 0; i < found.files.size(); ++i) check_file(checkpoint.files[i], found.files[i], recorded.files[i]);
    for (const auto& [name, hashes] : found.hashes) {
      const auto of = recorded.hashes.find(name);
      if (of == recorded.hashes.end() || of->second.size() != hashes.size()) {
        refuse({path, 0, fmt::format("no checksums of {}", printable(name)), fmt::format("{} of them", hashes.size()), kReplaced});
      }
    }
    return recorded;
  }
  return std::nullopt;
}

void refuse_chunk(const Checkpoint& checkpoint, const TensorInfo& tensor, uint64_t chunk) {
  const uint64_t begin = chunk * chunk_bytes(tensor);
  const uint64_t end = std::min(begin + chunk_bytes(tensor), tensor.bytes);
  refuse({checkpoint.files[tensor.file], tensor.offset + begin,
          fmt::format("other contents in bytes {} to {} (of {})", tensor.offset + begin, tensor.offset + end, printable(tensor.name)),
          "those whose checksum was recorded", kReplaced});
}

}  // namespace yoke::model
