#include "model/gguf_tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "core/error.h"
#include "core/units.h"
#include "model/bad_file.h"
#include "model/ggml_type.h"

namespace yoke::model {
namespace {

// Ten times what the largest models have.
constexpr uint64_t kMostTensors = 1 << 16;
constexpr uint64_t kMostNameBytes = 256;
constexpr uint32_t kMostDimensions = 4;  // the format's own
// Length of the name, number of dimensions, one dimension, type, offset.
constexpr uint64_t kLeastDescriptionBytes = 8 + 4 + 8 + 4 + 8;

Dtype read_dtype(HeaderReader& reader, const std::string& name) {
  const uint64_t at = reader.offset();
  const auto number = reader.number<uint32_t>("a tensor's type");
  const GgmlType* type = ggml_type(number);
  if (type == nullptr) {
    reader.refuse_at(at, fmt::format("type {} of tensor {}", number, printable(name)), "one of ggml's types 0 to 40");
  }
  if (!type->dtype) {
    throw Error{
        Code::unsupported,
        fmt::format(
            "{}, byte {}: tensor {} has type {}; this build reads F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K to "
            "Q6_K, IQ4_NL, IQ4_XS, MXFP4 and NVFP4 from GGUF. Take such a file of the model, or make one with llama-quantize",
            reader.file().path().string(), at, printable(name), type->name)};
  }
  return *type->dtype;
}

// The dimensions as the file has them, fastest first.
std::vector<int64_t> read_dimensions(HeaderReader& reader, const std::string& name) {
  const uint64_t at = reader.offset();
  const auto count = reader.number<uint32_t>("a tensor's number of dimensions");
  if (count < 1 || count > kMostDimensions) {
    reader.refuse_at(at, fmt::format("{} dimensions of tensor {}", count, printable(name)),
                     fmt::format("1 to {}", kMostDimensions));
  }
  std::vector<int64_t> dimensions;
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t place = reader.offset();
    const auto size = reader.number<uint64_t>("a dimension");
    if (size < 1 || size > uint64_t{1} << 48) {
      reader.refuse_at(place, fmt::format("a dimension of {} in tensor {}", size, printable(name)), "1 to 2^48");
    }
    dimensions.push_back(static_cast<int64_t>(size));
  }
  return dimensions;
}

uint64_t tensor_bytes(const TensorInfo& tensor, uint64_t at, const std::filesystem::path& file) {
  const DtypeInfo& type = info(tensor.dtype);
  if (tensor.cols() % type.block_elements != 0) {
    refuse({.file = file,
            .offset = at,
            .found = fmt::format("tensor {} {} in {}", printable(tensor.name), listed(tensor.shape), type.name),
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
    reader.refuse_at(at, fmt::format("a tensor name of {} bytes", name_bytes), fmt::format("1 to {}", kMostNameBytes));
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
void place_tensors(std::vector<TensorInfo>& tensors, uint64_t header_bytes, uint64_t alignment,
                   const FileReader& file) {
  const uint64_t data_begin = (header_bytes + alignment - 1) / alignment * alignment;
  for (TensorInfo& tensor : tensors) {
    if (tensor.offset % alignment != 0) {
      refuse({.file = file.path(),
              .offset = header_bytes,
              .found = fmt::format("tensor {} at {} behind the header", printable(tensor.name), tensor.offset),
              .expected = fmt::format("a multiple of the alignment {}", alignment)});
    }
    const uint64_t room = file.size() > data_begin ? file.size() - data_begin : 0;
    if (tensor.offset > room || tensor.bytes > room - tensor.offset) {
      refuse({.file = file.path(),
              .offset = file.size(),
              .found = fmt::format("the end of the file"),
              .expected = fmt::format("tensor {} {}, {} bytes at {} behind byte {}", printable(tensor.name),
                                      listed(tensor.shape), tensor.bytes, tensor.offset, data_begin)});
    }
    tensor.offset += data_begin;
  }
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorInfo& a, const TensorInfo& b) { return a.offset < b.offset; });
  for (size_t i = 1; i < tensors.size(); ++i) {
    const uint64_t end = tensors[i - 1].offset + tensors[i - 1].bytes;
    if (tensors[i].offset >= end) continue;
    refuse({.file = file.path(),
            .offset = tensors[i].offset,
            .found = fmt::format("tensor {} beginning here", printable(tensors[i].name)),
            .expected = fmt::format("it at byte {} or behind, where {} ends", end, printable(tensors[i - 1].name))});
  }
}

void check_names(const std::vector<TensorInfo>& tensors, const FileReader& file) {
  std::set<std::string_view> names;
  for (const TensorInfo& tensor : tensors) {
    if (names.insert(tensor.name).second) continue;
    refuse({.file = file.path(),
            .offset = tensor.offset,
            .found = fmt::format("tensor {} for the second time", printable(tensor.name)),
            .expected = "each name once"});
  }
}

}  // namespace

std::vector<TensorInfo> read_gguf_tensors(HeaderReader& reader, uint64_t count, uint64_t alignment) {
  if (count > kMostTensors) {
    reader.refuse_at(reader.offset(), fmt::format("{} tensors", count), fmt::format("at most {}", kMostTensors));
  }
  reader.demand(count, kLeastDescriptionBytes, "tensor descriptions");
  std::vector<TensorInfo> tensors;
  for (uint64_t i = 0; i < count; ++i) tensors.push_back(read_description(reader));
  place_tensors(tensors, reader.offset(), alignment, reader.file());
  check_names(tensors, reader.file());
  return tensors;
}

}  // namespace yoke::model
