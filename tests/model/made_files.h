// Files made byte by byte: whole small models, and whatever a test wants to be wrong about them.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"

namespace yoke::model {

// A folder that goes when the test does.
class MadeFolder {
 public:
  MadeFolder();
  ~MadeFolder();
  MadeFolder(const MadeFolder&) = delete;
  MadeFolder& operator=(const MadeFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Writes the file whole and returns its path.
  std::filesystem::path write(std::string_view name, std::string_view bytes) const;

 private:
  std::filesystem::path path_;
};

template <typename T>
std::string bytes_of(T number) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &number, sizeof(T));
  return bytes;
}

// The numbers of GGUF's value types and of ggml's element types that the tests use.
enum GgufKind : uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12
};
enum GgmlNumber : uint32_t {
  kGgmlF32 = 0,
  kGgmlF16 = 1,
  kGgmlQ4_0 = 2,
  kGgmlQ4_1 = 3,
  kGgmlQ8_0 = 8,
  kGgmlQ4_K = 12,
  kGgmlBf16 = 30,
  kGgmlNvfp4 = 40
};

struct MadeGgufTensor {
  std::string name;
  std::vector<uint64_t> dimensions;  // fastest first, as the file has them
  uint32_t type = kGgmlF32;
  std::optional<uint64_t> offset = {};  // behind the header; by itself: where the one before ends
  uint64_t bytes = 0;                   // by itself: what a tensor of F32, F16, BF16, Q8_0, Q4_0 or Q4_1 takes
};

// A whole GGUF file whose parts a test may change before bytes() puts them together.
struct MadeGguf {
  std::string magic = "GGUF";
  uint32_t version = 3;
  std::optional<uint64_t> tensor_count, key_count;        // by themselves: the right ones
  std::vector<std::pair<std::string, std::string>> keys;  // key, type and value as bytes
  std::vector<MadeGgufTensor> tensors;
  uint64_t alignment = 32;

  MadeGguf& set(std::string_view key, std::string typed_value);  // in place of an earlier one
  MadeGguf& add(std::string_view key, std::string typed_value);  // even if there is one
  MadeGguf& remove(std::string_view key);
  MadeGgufTensor& tensor(std::string_view name);

  std::string header() const;  // up to the alignment of the data
  std::string bytes() const;   // header and zeros for the tensors
};

std::string gguf_string(std::string_view text);            // length and bytes, without a type
std::string typed(GgufKind kind, std::string_view bytes);  // type and bytes
std::string text_value(std::string_view text);
std::string u32_value(uint32_t number);
std::string f32_value(float number);
std::string bool_value(bool truth);
std::string text_array(const std::vector<std::string>& texts);
std::string i32_array(const std::vector<int32_t>& numbers);

// One layer, hidden 64, 2 heads and 1 KV head of 32, intermediate 96, 8 tokens, untied, Q8_0 and F32.
MadeGguf made_llama_gguf();

struct MadeTensor {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  std::string bytes;
};

std::string safetensors_with_header(std::string_view json, std::string_view data);
std::string made_safetensors(const std::vector<MadeTensor>& tensors);
MadeTensor zeros(const std::string& name, const std::string& dtype, const std::vector<int64_t>& shape);

// The same small model for transformers, in BF16 and tied.
std::vector<MadeTensor> made_llama_tensors();
// Its configuration in the spelling of transformers 4; `more` is JSON members, with a comma before each, that come
// last.
std::string made_llama_config(std::string_view more = "");

// Runs `action`, which must throw an Error of this code whose message holds every one of `parts`.
void expect_error(Code code, const std::vector<std::string>& parts, const std::function<void()>& action);

}  // namespace yoke::model
