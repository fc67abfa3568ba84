#include "model/gguf_metadata.h"

#include <fmt/format.h>

#include <cmath>

#include "model/bad_file.h"

namespace yoke::model {
namespace {

// Real files have some 50 keys.
constexpr uint64_t kMostKeys = 1 << 16;
// Length of the key, type, value.
constexpr uint64_t kLeastPairBytes = 8 + 4 + 1;

}  // namespace

GgufMetadata::GgufMetadata(HeaderReader& reader, uint64_t count) : file_(reader.file().path()) {
  if (count > kMostKeys) {
    reader.refuse_at(reader.offset(), fmt::format("{} metadata keys", count), fmt::format("at most {}", kMostKeys));
  }
  reader.demand(count, kLeastPairBytes, "metadata");
  GgufValueReader values(reader);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t at = reader.offset();
    std::string key = values.key();
    GgufValue value = values.value(key);
    if (!values_.emplace(key, std::move(value)).second) {
      reader.refuse_at(at, fmt::format("the key {} for the second time", printable(key)), "each key once");
    }
  }
}

const GgufValue* GgufMetadata::find(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

template <typename T>
const T* GgufMetadata::held(std::string_view key, std::string_view expected) const {
  const GgufValue* found = find(key);
  if (found == nullptr) return nullptr;
  const T* value = std::get_if<T>(&found->value);
  if (value == nullptr) refuse_key(key, expected);
  return value;
}

std::optional<int64_t> GgufMetadata::integer(std::string_view key, int64_t least, int64_t most) const {
  const std::string expected = fmt::format("an integer from {} to {}", least, most);
  const int64_t* value = held<int64_t>(key, expected);
  if (value == nullptr) return std::nullopt;
  if (*value < least || *value > most) refuse_key(key, expected);
  return *value;
}

std::optional<double> GgufMetadata::number(std::string_view key) const {
  constexpr std::string_view kExpected = "a finite float";
  const double* value = held<double>(key, kExpected);
  if (value == nullptr) return std::nullopt;
  if (!std::isfinite(*value)) refuse_key(key, kExpected);
  return *value;
}

std::optional<bool> GgufMetadata::boolean(std::string_view key) const {
  const bool* value = held<bool>(key, "a bool");
  return value == nullptr ? std::nullopt : std::optional(*value);
}

const std::string* GgufMetadata::string(std::string_view key) const {
  return held<std::string>(key, "a string");
}
const std::vector<std::string>* GgufMetadata::strings(std::string_view key) const {
  return held<std::vector<std::string>>(key, "an array of strings");
}
const std::vector<int64_t>* GgufMetadata::integers(std::string_view key) const {
  return held<std::vector<int64_t>>(key, "an array of integers");
}
const std::vector<double>* GgufMetadata::numbers(std::string_view key) const {
  return held<std::vector<double>>(key, "an array of numbers");
}

int64_t GgufMetadata::required_integer(std::string_view key, int64_t least, int64_t most) const {
  const std::optional<int64_t> value = integer(key, least, most);
  if (!value) refuse_key(key, fmt::format("an integer from {} to {}", least, most));
  return *value;
}

double GgufMetadata::required_number(std::string_view key) const {
  const std::optional<double> value = number(key);
  if (!value) refuse_key(key, "a finite float");
  return *value;
}

void GgufMetadata::refuse_key(std::string_view key, std::string_view expected) const {
  const GgufValue* found = find(key);
  refuse({.file = file_,
          .offset = found ? found->offset : 0,
          .found = found ? fmt::format("{} = {}", key, described(*found)) : fmt::format("no key {}", key),
          .expected = std::string(expected)});
}

}  // namespace yoke::model
