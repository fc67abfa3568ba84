#include "model/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "model/bad_file.h"
#include "model/gguf_split.h"
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

// Reads one file, whose number in checkpoint.files follows those before, and returns its keys.
GgufMetadata read_file(const std::filesystem::path& path, Checkpoint& checkpoint) {
  const FileReader file(path);
  HeaderReader reader(file, kMostHeaderBytes);
  const Counts counts = read_counts(reader);
  GgufMetadata metadata(reader, counts.keys);
  const int64_t alignment = metadata.integer("general.alignment", 1, kMostAlignment).value_or(kDefaultAlignment);
  if (!std::has_single_bit(static_cast<uint64_t>(alignment)))
    metadata.refuse_key("general.alignment", "a power of two");
  for (TensorInfo& tensor : read_gguf_tensors(reader, counts.tensors, static_cast<uint64_t>(alignment))) {
    tensor.file = checkpoint.files.size();
    const auto [at, added] = checkpoint.tensors.emplace(tensor.name, tensor);
    if (added) continue;
    refuse({.file = path,
            .offset = tensor.offset,
            .found = fmt::format("tensor {}", printable(tensor.name)),
            .expected =
                fmt::format("it in {} only, which has it too", checkpoint.files[at->second.file].filename().string())});
  }
  checkpoint.files.push_back(path);
  checkpoint.file_bytes.push_back(file.size());
  checkpoint.file_modified_ns.push_back(file.modified_ns());
  return metadata;
}

// What no key says, the tensors do.
void complete_config(Checkpoint& checkpoint) {
  ModelConfig& config = checkpoint.config;
  const auto has = [&](std::string_view end) {
    return std::ranges::any_of(checkpoint.tensors, [&](const auto& entry) { return entry.first.ends_with(end); });
  };
  config.tied = !checkpoint.tensors.contains("output.weight");
  config.biases.qkv = has(".attn_q.bias") || has(".attn_qkv.bias");
  config.biases.o = has(".attn_output.bias");
  config.biases.mlp = has(".ffn_down.bias") || has(".ffn_down_exps.bias");
  config.biases.router = has(".ffn_gate_inp.bias");
  config.biases.correction = has(".exp_probs_b.bias");
  if (!has(".attn_q_norm.weight")) config.qk_norm = QkNorm::none;
  const auto embedding = checkpoint.tensors.find("token_embd.weight");
  if (config.vocab == 0 && embedding != checkpoint.tensors.end()) config.vocab = embedding->second.rows();
}

void check_split(const GgufMetadata& metadata, const GgufPart& part) {
  if (metadata.required_integer("split.count", 0, UINT16_MAX) != part.count)
    metadata.refuse_key("split.count", fmt::format("{}, as the file's name says", part.count));
  if (metadata.required_integer("split.no", 0, UINT16_MAX) != part.number)
    metadata.refuse_key("split.no", fmt::format("{}, one less than the file's name says", part.number));
}

GgufMetadata read_parts(const std::vector<std::filesystem::path>& parts, Checkpoint& checkpoint) {
  const auto count = static_cast<int64_t>(parts.size());
  GgufMetadata first = read_file(parts[0], checkpoint);
  check_split(first, {.number = 0, .count = count});
  for (int64_t i = 1; i < count; ++i)
    check_split(read_file(parts[static_cast<size_t>(i)], checkpoint), {.number = i, .count = count});
  const auto tensors = static_cast<int64_t>(checkpoint.tensors.size());
  if (first.integer("split.tensors.count", 0, INT32_MAX).value_or(tensors) != tensors)
    first.refuse_key("split.tensors.count", fmt::format("the {} tensors of {} files", tensors, count));
  return first;
}

GgufMetadata read_whole(const std::filesystem::path& path, Checkpoint& checkpoint) {
  GgufMetadata metadata = read_file(path, checkpoint);
  if (metadata.integer("split.count", 0, UINT16_MAX).value_or(1) > 1)
    metadata.refuse_key("split.count", "1, or a file name that ends with -0000N-of-0000M.gguf");
  return metadata;
}

}  // namespace

std::optional<TokenizerAssets> read_gguf_tokenizer(const std::filesystem::path& path) {
  const FileReader file(path);
  HeaderReader reader(file, kMostHeaderBytes);
  return tokenizer_from_gguf(GgufMetadata(reader, read_counts(reader).keys));
}

void read_gguf(const std::filesystem::path& path, Checkpoint& checkpoint) {
  const std::vector<std::filesystem::path> parts = gguf_parts(path);
  const GgufMetadata metadata = parts.size() > 1 ? read_parts(parts, checkpoint) : read_whole(path, checkpoint);
  checkpoint.config = config_from_gguf(metadata);
  checkpoint.tokenizer = tokenizer_from_gguf(metadata);
  complete_config(checkpoint);
}

}  // namespace yoke::model
