// The key-value part of a GGUF file: docs/gguf.md of ggml-org/ggml. Const after reading; any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/file_reader.h"
#include "model/gguf_value.h"

namespace yoke::model {

class GgufMetadata {
 public:
  // Reads `count` pairs. Error{bad_file} for a key given twice, a type that is none, a count or a length that the file
  // cannot hold or that passes a limit, an array of arrays.
  GgufMetadata(HeaderReader& reader, uint64_t count);

  const std::filesystem::path& file() const { return file_; }
  bool has(std::string_view key) const { return find(key) != nullptr; }

  // Nothing where the key is absent; Error{bad_file} with key and offset where its value has another type or range.
  std::optional<int64_t> integer(std::string_view key, int64_t least, int64_t most) const;
  std::optional<double> number(std::string_view key) const;  // finite
  std::optional<bool> boolean(std::string_view key) const;
  const std::string* string(std::string_view key) const;
  const std::vector<std::string>* strings(std::string_view key) const;
  const std::vector<int64_t>* integers(std::string_view key) const;
  const std::vector<double>* numbers(std::string_view key) const;

  int64_t required_integer(std::string_view key, int64_t least, int64_t most) const;
  double required_number(std::string_view key) const;

  // Error{bad_file} at the key's value, or at the file's start where it is absent.
  [[noreturn]] void refuse_key(std::string_view key, std::string_view expected) const;

 private:
  const GgufValue* find(std::string_view key) const;
  template <typename T>
  const T* held(std::string_view key, std::string_view expected) const;

  std::filesystem::path file_;
  std::map<std::string, GgufValue, std::less<>> values_;
};

}  // namespace yoke::model
