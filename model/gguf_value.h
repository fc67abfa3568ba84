// One value of GGUF's metadata.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "model/file_reader.h"

namespace yoke::model {

// All integer types widen to int64_t (a uint64 above its maximum is held as that maximum, which no key we read may
// reach), all floats to double. Arrays of bool are arrays of integers.
struct GgufValue {
  uint64_t offset = 0;  // of the value, from the file's start
  std::variant<int64_t, double, bool, std::string, std::vector<int64_t>, std::vector<double>, std::vector<std::string>>
      value;
};

// Reads keys and values in turn, and counts what all arrays together take. One thread.
class GgufValueReader {
 public:
  explicit GgufValueReader(HeaderReader& reader) : reader_(reader) {}

  std::string key();
  // `key` is for messages. Error{bad_file} for a type that is none, a count or a length that the file cannot hold or
  // that passes a limit, a bool that is neither, an array of arrays.
  GgufValue value(const std::string& key);

 private:
  HeaderReader& reader_;
  uint64_t elements_ = 0;  // of the arrays so far
};

// For messages: "17", "'llama'", "an array of 49152 strings".
std::string described(const GgufValue& value);

}  // namespace yoke::model
