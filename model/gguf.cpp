#include "model/gguf.h"

#include <fmt/format.h>

#include <bit>

#include "model/bad_file.h"
#include "model/gguf_tensors.h"

namespace yoke::model {
namespace {

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr uint32_t kVersion = 3;
// Metadata and descriptions; the largest vocabularies and chat templates take some 20 MiB.
constexpr uint64_t kMostHeaderBytes = 256 << 20;
constexpr int64_t kDefaultAlignment = 32;
constexpr int64_t kMostAlignment = 1 << 20;

struct Counts {
  uint64_t tensors = 0;
  uint64_t keys = 0;
};

void check_magic_and_version(HeaderReader& reader) {
  const auto magic = reader.number<uint32_t>("the magic number");
  if (magic != kMagic) {
    refuse(
        {.file = reader.file().path(),
         .offset = 0,
         .found = fmt::format("{:08x}", magic),
         .expected = "the letters GGUF",
         .remedy =
             "this is no GGUF file (or a Git LFS pointer, or a page saved in its place): download the model itself"});
  }
  const auto version = reader.number<uint32_t>("the version");
  if (version == kVersion) return;
  const bool turned = version == __builtin_bswap32(kVersion);
  refuse({.file = reader.file().path(),
          .offset = 4,
          .found = turned ? "a big-endian file" : fmt::format("version {}", version),
          .expected = turned ? "a little-endian one" : "version 3",
          .remedy = "convert the model again with a current llama.cpp"});
}

Counts read_counts(HeaderReader& reader) {
  check_magic_and_version(reader);
  Counts counts;
  counts.tensors = reader.number<uint64_t>("the number of tensors");
  counts.keys = reader.number<uint64_t>("the number of keys");
  return counts;
}

void read_tensors(HeaderReader& reader, uint64_t count, const GgufMetadata& metadata, Checkpoint& checkpoint) {
  const int64_t alignment = metadata.integer("general.alignment", 1, kMostAlignment).value_or(kDefaultAlignment);
  if (!std::has_single_bit(static_cast<uint64_t>(alignment)))
    metadata.refuse_key("general.alignment", "a power of two");
  for (TensorInfo& tensor : read_gguf_tensors(reader, count, static_cast<uint64_t>(alignment))) {
    std::string name = tensor.name;
    checkpoint.tensors.emplace(std::move(name), std::move(tensor));
  }
}

// What no key says, the tensors do.
void complete_config(Checkpoint& checkpoint) {
  checkpoint.config.tied = !checkpoint.tensors.contains("output.weight");
  const auto embedding = checkpoint.tensors.find("token_embd.weight");
  if (checkpoint.config.vocab == 0 && embedding != checkpoint.tensors.end())
    checkpoint.config.vocab = embedding->second.rows();
}

}  // namespace

void read_gguf(const std::filesystem::path& path, Checkpoint& checkpoint) {
  const FileReader file(path);
  HeaderReader reader(file, kMostHeaderBytes);
  const Counts counts = read_counts(reader);
  const GgufMetadata metadata(reader, counts.keys);
  checkpoint.files = {path};
  checkpoint.file_bytes = {file.size()};
  checkpoint.file_modified_ns = {file.modified_ns()};
  checkpoint.config = config_from_gguf(metadata);
  read_tensors(reader, counts.tensors, metadata, checkpoint);
  checkpoint.tokenizer = tokenizer_from_gguf(metadata);
  complete_config(checkpoint);
}

}  // namespace yoke::model
