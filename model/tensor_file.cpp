#include "model/tensor_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/units.h"
#include "model/bad_file.h"
#include "model/safetensors.h"

namespace yoke::model {
namespace {

// The types whose elements a T holds, T's own first.
template <typename T>
constexpr Dtype kDtypesOf[] = {Dtype::f32};
template <>
constexpr Dtype kDtypesOf<int32_t>[] = {Dtype::i32};
template <>
constexpr Dtype kDtypesOf<int64_t>[] = {Dtype::i64};
template <>
constexpr Dtype kDtypesOf<uint16_t>[] = {Dtype::u16, Dtype::f16, Dtype::bf16};
template <>
constexpr Dtype kDtypesOf<uint8_t>[] = {Dtype::u8, Dtype::boolean, Dtype::f8_e4m3, Dtype::f8_e5m2, Dtype::f8_e8m0};

}  // namespace

TensorFile::TensorFile(const std::filesystem::path& path) : file_(path) {
  for (TensorInfo& tensor : read_safetensors_header(file_)) {
    std::string name = tensor.name;
    tensors_.emplace(std::move(name), std::move(tensor));
  }
}

const TensorInfo* TensorFile::find(std::string_view name) const {
  const auto found = tensors_.find(std::string(name));
  return found == tensors_.end() ? nullptr : &found->second;
}

const TensorInfo& TensorFile::checked(std::string_view name, std::span<const Dtype> dtypes) const {
  const TensorInfo* tensor = find(name);
  if (tensor == nullptr) {
    refuse({.file = path(),
            .offset = 8,
            .found = fmt::format("{} tensors, none of them {}", tensors_.size(), printable(name)),
            .expected = fmt::format("{} of type {}", printable(name), yoke::name(dtypes[0])),
            .remedy = "give the file that has it"});
  }
  if (std::ranges::find(dtypes, tensor->dtype) == dtypes.end()) {
    refuse({.file = path(),
            .offset = tensor->offset,
            .found = fmt::format("{} of type {}", printable(name), yoke::name(tensor->dtype)),
            .expected = fmt::format("type {}", yoke::name(dtypes[0])),
            .remedy = "write the file with that type"});
  }
  if (tensor->bytes > kMostBytes) {
    throw Error{Code::too_large, fmt::format("{}: {} has {}, more than the {} read at once", path().string(),
                                             printable(name), format_bytes(tensor->bytes), format_bytes(kMostBytes))};
  }
  return *tensor;
}

template <typename T>
std::vector<T> TensorFile::read(std::string_view name) const {
  const TensorInfo& tensor = checked(name, kDtypesOf<T>);
  std::vector<T> elements(tensor.bytes / sizeof(T));
  file_.read(tensor.offset, std::as_writable_bytes(std::span(elements)));
  return elements;
}

template std::vector<float> TensorFile::read<float>(std::string_view) const;
template std::vector<int32_t> TensorFile::read<int32_t>(std::string_view) const;
template std::vector<int64_t> TensorFile::read<int64_t>(std::string_view) const;
template std::vector<uint16_t> TensorFile::read<uint16_t>(std::string_view) const;
template std::vector<uint8_t> TensorFile::read<uint8_t>(std::string_view) const;

}  // namespace yoke::model
