#include "model/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/error.h"
#include "core/units.h"
#include "model/bad_file.h"
#include "model/json_fields.h"

namespace yoke::model {
namespace {

namespace json = boost::json;

// The header's length is a u64 before it.
constexpr uint64_t kLengthBytes = 8;
// Some 150,000 tensors: the largest mixtures of experts have a third of that over all their shards.
constexpr uint64_t kMostHeaderBytes = 16 << 20;
constexpr size_t kMostDimensions = 8;
constexpr size_t kMostNameBytes = 512;

// safetensors' types of whole bytes, under the same names as ours.
constexpr Dtype kRead[] = {Dtype::f32, Dtype::f16, Dtype::bf16, Dtype::f8_e4m3, Dtype::f8_e5m2, Dtype::f8_e8m0, Dtype::f64,
                           Dtype::i64, Dtype::i32, Dtype::i16,  Dtype::i8,      Dtype::u64,     Dtype::u32,     Dtype::u16,
                           Dtype::u8,  Dtype::boolean};

Dtype dtype_named(const std::string& written, const JsonFields& fields, std::string_view tensor) {
  for (const Dtype dtype : kRead) {
    if (yoke::name(dtype) == written) return dtype;
  }
  throw Error{
      Code::unsupported,
      fmt::format(
          "{}: tensor {} has type {}; this build reads F32, F16, BF16, F8_E4M3, F8_E5M2, F8_E8M0, F64, BOOL and integers "
          "from safetensors. Take another version of the model",
          fields.file().string(), printable(tensor), printable(written))};
}

// An element of shape or data_offsets.
int64_t size_at(const json::array& sizes, size_t i, const JsonFields& fields, std::string_view key) {
  const std::optional<int64_t> size = json_integer(sizes[i]);
  if (!size || *size < 0) fields.refuse_field(key, "integers of 0 or more, each less than 2^63");
  return *size;
}

class HeaderTensors {
 public:
  HeaderTensors(const FileReader& file, uint64_t header_bytes)
      : file_(file), data_begin_(kLengthBytes + header_bytes), data_bytes_(file.size() - data_begin_) {}

  void add(std::string_view name, const json::value& value) {
    if (name.empty() || name.size() > kMostNameBytes) {
      refuse({.file = file_.path(),
              .offset = kLengthBytes,
              .found = fmt::format("the tensor name {} of {} bytes", printable(name), name.size()),
              .expected = fmt::format("a name of 1 to {} bytes", kMostNameBytes)});
    }
    if (!value.is_object()) {
      refuse({.file = file_.path(),
              .offset = kLengthBytes,
              .found = fmt::format("no object under {}", printable(name)),
              .expected = "an object with dtype, shape and data_offsets"});
    }
    const JsonFields fields(value.get_object(), file_.path(), kLengthBytes,
                            fmt::format("tensor {}: ", printable(name)));
    TensorInfo tensor;
    tensor.name = name;
    tensor.dtype = dtype_named(fields.required_string("dtype"), fields, name);
    uint64_t expected_bytes = info(tensor.dtype).block_bytes;
    const json::array& shape = fields.required_array("shape");
    if (shape.size() > kMostDimensions)
      fields.refuse_field("shape", fmt::format("at most {} dimensions", kMostDimensions));
    for (size_t i = 0; i < shape.size(); ++i) {
      tensor.shape.push_back(size_at(shape, i, fields, "shape"));
      expected_bytes = checked_multiply(expected_bytes, static_cast<uint64_t>(tensor.shape.back()),
                                        fmt::format("{}: shape of tensor {}", file_.path().string(), printable(name)));
    }
    place(tensor, expected_bytes, fields);
    tensors_.push_back(std::move(tensor));
  }

  // In the order of their bytes, after checking that these cover the file behind the header without overlap or hole.
  std::vector<TensorInfo> finish() {
    std::sort(tensors_.begin(), tensors_.end(), [](const TensorInfo& a, const TensorInfo& b) {
      return std::tie(a.offset, a.bytes, a.name) < std::tie(b.offset, b.bytes, b.name);
    });
    uint64_t next = data_begin_;
    for (const TensorInfo& tensor : tensors_) {
      if (tensor.offset != next) {
        refuse({.file = file_.path(),
                .offset = tensor.offset,
                .found = fmt::format("tensor {} beginning here, {}", printable(tensor.name),
                                     tensor.offset < next ? "inside the one before" : "behind a hole"),
                .expected = fmt::format("it at byte {}, where the one before ends", next)});
      }
      next += tensor.bytes;
    }
    if (next != file_.size()) {
      refuse({.file = file_.path(),
              .offset = next,
              .found = fmt::format("{} bytes behind the last tensor", file_.size() - next),
              .expected = "the end of the file"});
    }
    return std::move(tensors_);
  }

 private:
  void place(TensorInfo& tensor, uint64_t expected_bytes, const JsonFields& fields) {
    const json::array& offsets = fields.required_array("data_offsets");
    if (offsets.size() != 2) fields.refuse_field("data_offsets", "two integers, begin and end");
    const auto begin = static_cast<uint64_t>(size_at(offsets, 0, fields, "data_offsets"));
    const auto end = static_cast<uint64_t>(size_at(offsets, 1, fields, "data_offsets"));
    if (begin > end || end > data_bytes_) {
      refuse({.file = file_.path(),
              .offset = kLengthBytes,
              .found = fmt::format("tensor {}: data_offsets [{}, {}]", printable(tensor.name), begin, end),
              .expected = fmt::format("a range within the {} bytes behind the header", data_bytes_)});
    }
    if (end - begin != expected_bytes) {
      refuse({.file = file_.path(),
              .offset = kLengthBytes,
              .found = fmt::format("tensor {}: data_offsets [{}, {}], {} bytes", printable(tensor.name), begin, end,
                                   end - begin),
              .expected =
                  fmt::format("{} bytes for {} {}", expected_bytes, yoke::name(tensor.dtype), listed(tensor.shape))});
    }
    tensor.offset = data_begin_ + begin;
    tensor.bytes = expected_bytes;
  }

  const FileReader& file_;
  const uint64_t data_begin_;
  const uint64_t data_bytes_;
  std::vector<TensorInfo> tensors_;
};

}  // namespace

std::vector<TensorInfo> read_safetensors_header(const FileReader& file) {
  HeaderReader reader(file, kLengthBytes + kMostHeaderBytes);
  const auto header_bytes = reader.number<uint64_t>("the header's length");
  if (header_bytes > kMostHeaderBytes) {
    refuse({.file = file.path(),
            .offset = 0,
            .found = fmt::format("a header length of {} bytes", header_bytes),
            .expected = fmt::format("at most {}", kMostHeaderBytes),
            .remedy = "this is no safetensors file, or it is damaged: download it again"});
  }
  const std::string text = reader.text(header_bytes, "the header");
  const json::object header = parse_json_object(text, file.path(), kLengthBytes);
  HeaderTensors tensors(file, header_bytes);
  for (const auto& [name, value] : header) {
    if (name != "__metadata__") tensors.add(name, value);
  }
  return tensors.finish();
}

void read_safetensors_file(const std::filesystem::path& path, Checkpoint& checkpoint) {
  const FileReader file(path);
  const size_t index = checkpoint.files.size();
  checkpoint.files.push_back(path);
  checkpoint.file_bytes.push_back(file.size());
  checkpoint.file_modified_ns.push_back(file.modified_ns());
  for (TensorInfo& tensor : read_safetensors_header(file)) {
    tensor.file = index;
    const auto [at, added] = checkpoint.tensors.emplace(tensor.name, tensor);
    if (!added) {
      refuse({.file = path,
              .offset = tensor.offset,
              .found = fmt::format("tensor {}", printable(tensor.name)),
              .expected = fmt::format("it in {} only, which has it too",
                                      checkpoint.files[at->second.file].filename().string())});
    }
  }
}

}  // namespace yoke::model
