// Any single .safetensors file as named arrays of numbers: goldens, and whatever a tool wants to look at. Const after
// opening; any thread.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/checkpoint.h"
#include "model/file_reader.h"

namespace yoke::model {

class TensorFile {
 public:
  // Reads and checks the header. Error{not_found}, Error{bad_file} with file, offset, found and expected,
  // Error{unsupported} for an element type that a model's file may not have either.
  explicit TensorFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_.path(); }
  const std::map<std::string, TensorInfo>& tensors() const { return tensors_; }
  const TensorInfo* find(std::string_view name) const;  // null where the file has none of that name

  // All elements, row-major. T is float (F32), int32_t (I32), int64_t (I64), uint16_t (U16, and F16's and BF16's bits)
  // or uint8_t (U8, BOOL, and FP8's bits), and must be the tensor's own type. Error{bad_file} names the tensor that is
  // missing or has another type; Error{too_large} above kMostBytes.
  template <typename T>
  std::vector<T> read(std::string_view name) const;

  // 4 GiB: logits of 8192 positions of the largest vocabularies.
  static constexpr uint64_t kMostBytes = uint64_t{4} << 30;

 private:
  const TensorInfo& checked(std::string_view name, std::span<const Dtype> dtypes) const;

  FileReader file_;
  std::map<std::string, TensorInfo> tensors_;
};

}  // namespace yoke::model
