#include "model/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "core/error.h"
#include "core/units.h"
#include "model/bad_file.h"
#include "model/ggml_type.h"

namespace yoke::model {
namespace {

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr uint32_t kVersion = 3;
// Metadata and descriptions; the largest vocabularies and chat templates take some 20 MiB.
constexpr uint64_t kMostHeaderBytes = 256 << 20;
constexpr uint64_t kMostTensors = 1 << 16;
constexpr uint64_t kMostNameBytes = 256;
constexpr uint32_t kMostDimensions = 4;  // the format's own
constexpr int64_t kDefaultAlignment = 32;
constexpr int64_t kMostAlignment = 1 << 20;
// Length of the name, number of dimensions, one dimension, type, offset.
constexpr uint64_t kLeastTensorBytes = 8 + 4 + 8 + 4 + 8;

struct Counts {
  uint64_t tensors = 0;
  uint64_t keys = 0;
};

void check_magic_and_version(HeaderReader& reader) {
  const auto magic = reader.number<uint32_t>("the magic number");
  if (magic != kMagic) {
    refuse({.file = reader.file().path(), .offset = 0, .found = fmt::format("{:08x}", magic), .expected = "the letters GGUF",
            .remedy = "this is no GGUF file (or a Git LFS pointer, or a page saved in its place): download the model itself"});
  }
  const auto version = reader.number<uint32_t>("the version");
  if (version == kVersion) return;
  const bool turned = version == __builtin_bswap32(kVersion);
  refuse({.file = reader.file().path(), .offset = 4,
          .found = turned ? "a big-endian file" : fmt::format("version {}", version),
          .expected = turned ? "a little-endian one" : "version 3",
          .remedy = "convert the model again with a current llama.cpp"});
}

Counts read_counts(HeaderReader& reader) {
  check_magic_and_version(reader);
  const uint64_t at = reader.offset();
  Counts counts;
  counts.tensors = reader.number<uint64_t>("the number of tensors");
  counts.keys = reader.number<uint64_t>("the number of keys");
  if (counts.tensors > kMostTensors) {
    refuse({.file = reader.file().path(), .offset = at, .found = fmt::format("{} tensors", counts.tensors),
            .expected = fmt::format("at most {}", kMostTensors)});
  }
  reader.demand(counts.tensors, kLeastTensorBytes, "tensor descriptions");
  return counts;
}

Dtype read_dtype(HeaderReader& reader, const std::string& name) {
  const uint64_t at = reader.offset();
  const auto number = reader.number<uint32_t>("a tensor's type");
  const GgmlType* type = ggml_type(number);
  if (type == nullptr) {
    refuse({.file = reader.file().path(), .offset = at, .found = fmt::format("type {} of tensor {}", number, printable(name)),
            .expected = "one of ggml's types 0 to 40"});
  }
  if (!type->dtype) {
    throw Error{Code::unsupported,
                fmt::format("{}, byte {}: tensor {} has type {}; this build reads F32, F16, BF16, Q8_0, Q4_0 and Q4_1 from GGUF. "
                            "Take such a file of the model, or make one with llama-quantize --pure",
                            reader.file().path().string(), at, printable(name), type->name)};
  }
  return *type->dtype;
}

// The dimensions as the file has them, fastest first.
std::vector<int64_t> read_dimensions(HeaderReader& reader, const std::string& name) {
  const uint64_t at = reader.offset();
  const auto count = reader.number<uint32_t>("a tensor's number of dimensions");
  if (count < 1 || count > kMostDimensions) {
    refuse({.file = reader.file().path(), .offset = at, .found = fmt::format("{} dimensions of tensor {}", count, printable(name)),
            .expected = fmt::format("1 to {}", kMostDimensions)});
  }
  std::vector<int64_t> dimensions;
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t place = reader.offset();
    const auto size = reader.number<uint64_t>("a dimension");
    if (size < 1 || size > uint64_t{1} << 48) {
      refuse({.file = reader.file().path(), .offset = place, .found = fmt::format("a dimension of {} in tensor {}", size, printable(name)),
              .expected = "1 to 2^48"});
    }
    dimensions.push_back(static_cast<int64_t>(size));
  }
  return dimensions;
}

uint64_t tensor_bytes(const TensorInfo& tensor, uint64_t at, const std::filesystem::path& file) {
  const DtypeInfo& type = info(tensor.dtype);
  if (tensor.cols() % type.block_elements != 0) {
    refuse({.file = file, .offset = at, .found = fmt::format("tensor {} {} in {}", printable(tensor.name), listed(tensor.shape), type.name),
            .expected = fmt::format("rows of a multiple of {} elements", type.block_elements)});
  }
  uint64_t bytes = row_bytes(tensor.dtype, tensor.cols());
  for (size_t i = 0; i + 1 < tensor.shape.size(); ++i) {
    bytes = checked_multiply(bytes, static_cast<uint64_t>(tensor.shape[i]),
                             fmt::format("{}, byte {}: shape of tensor {}", file.string(), at, printable(tensor.name)));
  }
  return bytes;
}

// `offset` of the result still counts from the data's start.
TensorInfo read_description(HeaderReader& reader) {
  const uint64_t at = reader.offset();
  const auto name_bytes = reader.number<uint64_t>("the length of a tensor's name");
  if (name_bytes < 1 || name_bytes > kMostNameBytes) {
    refuse({.file = reader.file().path(), .offset = at, .found = fmt::format("a tensor name of {} bytes", name_bytes),
            .expected = fmt::format("1 to {}", kMostNameBytes)});
  }
  TensorInfo tensor;
  tensor.name = reader.text(name_bytes, "a tensor's name");
  tensor.shape = read_dimensions(reader, tensor.name);
  std::reverse(tensor.shape.begin(), tensor.shape.end());
  tensor.dtype = read_dtype(reader, tensor.name);
  tensor.offset = reader.number<uint64_t>("a tensor's offset");
  tensor.bytes = tensor_bytes(tensor, at, reader.file().path());
  return tensor;
}

// Offsets become the file's; each tensor must lie aligned, within the file and apart from the others.
void place_tensors(std::vector<TensorInfo>& tensors, uint64_t header_bytes, uint64_t alignment, const FileReader& file) {
  const uint64_t data_begin = (header_bytes + alignment - 1) / alignment * alignment;
  for (TensorInfo& tensor : tensors) {
    if (tensor.offset % alignment != 0) {
      refuse({.file = file.path(), .offset = header_bytes, .found = fmt::format("tensor {} at {} behind the header", printable(tensor.name), tensor.offset),
              .expected = fmt::format("a multiple of the alignment {}", alignment)});
    }
    const uint64_t room = file.size() > data_begin ? file.size() - data_begin : 0;
    if (tensor.offset > room || tensor.bytes > room - tensor.offset) {
      refuse({.file = file.path(), .offset = file.size(),
              .found = fmt::format("the end of the file"),
              .expected = fmt::format("tensor {} {}, {} bytes at {} behind byte {}", printable(tensor.name), listed(tensor.shape), tensor.bytes, tensor.offset, data_begin)});
    }
    tensor.offset += data_begin;
  }
  std::sort(tensors.begin(), tensors.end(), [](const TensorInfo& a, const TensorInfo& b) { return a.offset < b.offset; });
  for (size_t i = 1; i < tensors.size(); ++i) {
    const uint64_t end = tensors[i - 1].offset + tensors[i - 1].bytes;
    if (tensors[i].offset >= end) continue;
    refuse({.file = file.path(), .offset = tensors[i].offset,
            .found = fmt::format("tensor {} beginning here", printable(tensors[i].name)),
            .expected = fmt::format("it at byte {} or behind, where {} ends", end, printable(tensors[i - 1].name))});
  }
}

void read_tensors(HeaderReader& reader, uint64_t count, const GgufMetadata& metadata, Checkpoint& checkpoint) {
  const int64_t alignment = metadata.integer("general.alignment", 1, kMostAlignment).value_or(kDefaultAlignment);
  if (!std::has_single_bit(static_cast<uint64_t>(alignment))) metadata.refuse_key("general.alignment", "a power of two");
  std::vector<TensorInfo> tensors;
  for (uint64_t i = 0; i < count; ++i) tensors.push_back(read_description(reader));
  place_tensors(tensors, reader.offset(), static_cast<uint64_t>(alignment), reader.file());
  for (TensorInfo& tensor : tensors) {
    const auto [at, added] = checkpoint.tensors.emplace(tensor.name, tensor);
    if (!added) {
      refuse({.file = reader.file().path(), .offset = tensor.offset,
              .found = fmt::format("tensor {} for the second time", printable(tensor.name)), .expected = "each name once"});
    }
  }
}

// What no key says, the tensors do.
void complete_config(Checkpoint& checkpoint) {
  checkpoint.config.tied = !checkpoint.tensors.contains("output.weight");
  const auto embedding = checkpoint.tensors.find("token_embd.weight");
  if (checkpoint.config.vocab == 0 && embedding != checkpoint.tensors.end()) checkpoint.config.vocab = embedding->second.rows();
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
