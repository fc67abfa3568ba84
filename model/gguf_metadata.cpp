#include "model/gguf_metadata.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "model/bad_file.h"

namespace yoke::model {
namespace {

// Real files have some 50 keys.
constexpr uint64_t kMostKeys = 1 << 16;
constexpr uint64_t kMostKeyBytes = 1024;
// The longest strings are chat templates: 100 KB is much.
constexpr uint64_t kMostStringBytes = 4 << 20;
// Over all arrays of a file. A large vocabulary has 260,000 tokens, 500,000 merges and as many types and scores.
constexpr uint64_t kMostArrayElements = 4 << 20;

// The format's numbers of its value types.
enum class Kind : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

// Fewest bytes a value of this kind takes in the file; 0 for what is no kind.
uint64_t least_bytes(Kind kind) {
  switch (kind) {
    case Kind::u8: case Kind::i8: case Kind::boolean: return 1;
    case Kind::u16: case Kind::i16: return 2;
    case Kind::u32: case Kind::i32: case Kind::f32: return 4;
    case Kind::string: case Kind::u64: case Kind::i64: case Kind::f64: return 8;
    case Kind::array: return 12;
  }
  return 0;
}

class ValueReader {
 public:
  explicit ValueReader(HeaderReader& reader) : reader_(reader) {}

  std::string key() { return string(kMostKeyBytes, "a key"); }

  GgufValue value(const std::string& key) {
    key_ = fmt::format("the value of {}", printable(key));
    const Kind kind = read_kind();
    GgufValue result;
    result.offset = reader_.offset();
    switch (kind) {
      case Kind::f32: case Kind::f64: result.value = real(kind); break;
      case Kind::boolean: result.value = integer(kind) != 0; break;
      case Kind::string: result.value = string(kMostStringBytes, key_); break;
      case Kind::array: read_array(result); break;
      case Kind::u8: case Kind::i8: case Kind::u16: case Kind::i16: case Kind::u32: case Kind::i32: case Kind::u64: case Kind::i64:
        result.value = integer(kind);
        break;
    }
    return result;
  }

 private:
  Kind read_kind() {
    const uint64_t at = reader_.offset();
    const auto kind = static_cast<Kind>(reader_.number<uint32_t>(key_));
    if (least_bytes(kind) == 0) {
      refuse({.file = reader_.file().path(), .offset = at, .found = fmt::format("type {} of {}", static_cast<uint32_t>(kind), key_),
              .expected = "one of GGUF's types 0 to 12"});
    }
    return kind;
  }

  int64_t integer(Kind kind) {
    switch (kind) {
      case Kind::u8: return reader_.number<uint8_t>(key_);
      case Kind::i8: return reader_.number<int8_t>(key_);
      case Kind::u16: return reader_.number<uint16_t>(key_);
      case Kind::i16: return reader_.number<int16_t>(key_);
      case Kind::u32: return reader_.number<uint32_t>(key_);
      case Kind::i32: return reader_.number<int32_t>(key_);
      case Kind::i64: return reader_.number<int64_t>(key_);
      case Kind::u64: return clamped(reader_.number<uint64_t>(key_));
      case Kind::boolean: return truth();
      case Kind::f32: case Kind::f64: case Kind::string: case Kind::array: break;
    }
    return 0;
  }

  static int64_t clamped(uint64_t number) {
    return static_cast<int64_t>(std::min<uint64_t>(number, std::numeric_limits<int64_t>::max()));
  }

  int64_t truth() {
    const uint64_t at = reader_.offset();
    const auto byte = reader_.number<uint8_t>(key_);
    if (byte > 1) {
      refuse({.file = reader_.file().path(), .offset = at, .found = fmt::format("{} as {}", byte, key_), .expected = "0 or 1 for a bool"});
    }
    return byte;
  }

  double real(Kind kind) { return kind == Kind::f32 ? reader_.number<float>(key_) : reader_.number<double>(key_); }

  std::string string(uint64_t most_bytes, std::string_view what) {
    const uint64_t at = reader_.offset();
    const auto bytes = reader_.number<uint64_t>(what);
    if (bytes > most_bytes) {
      refuse({.file = reader_.file().path(), .offset = at, .found = fmt::format("a length of {} bytes for {}", bytes, what),
              .expected = fmt::format("at most {}", most_bytes)});
    }
    return reader_.text(bytes, what);
  }

  void read_array(GgufValue& result) {
    const Kind kind = read_kind();
    if (kind == Kind::array) {
      refuse({.file = reader_.file().path(), .offset = result.offset, .found = fmt::format("an array of arrays as {}", key_),
              .expected = "an array of numbers, bools or strings"});
    }
    const uint64_t at = reader_.offset();
    const auto count = reader_.number<uint64_t>(key_);
    if (count > kMostArrayElements - elements_) {
      refuse({.file = reader_.file().path(), .offset = at, .found = fmt::format("{} elements in {}", count, key_),
              .expected = fmt::format("at most {} in all arrays of a file", kMostArrayElements)});
    }
    reader_.demand(count, least_bytes(kind), key_);
    elements_ += count;
    if (kind == Kind::string) result.value = elements<std::string>(count, [&] { return string(kMostStringBytes, key_); });
    else if (kind == Kind::f32 || kind == Kind::f64) result.value = elements<double>(count, [&] { return real(kind); });
    else result.value = elements<int64_t>(count, [&] { return integer(kind); });
  }

  template <typename T, typename Read>
  static std::vector<T> elements(uint64_t count, const Read& read) {
    std::vector<T> result;
    result.reserve(count);
    for (uint64_t i = 0; i < count; ++i) result.push_back(read());
    return result;
  }

  HeaderReader& reader_;
  std::string key_;
  uint64_t elements_ = 0;
};

std::string described(const GgufValue& value) {
  struct Describe {
    std::string operator()(int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return fmt::format("{}", v); }
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(const std::string& v) const { return printable(v); }
    std::string operator()(const std::vector<int64_t>& v) const { return fmt::format("an array of {} integers", v.size()); }
    std::string operator()(const std::vector<double>& v) const { return fmt::format("an array of {} floats", v.size()); }
    std::string operator()(const std::vector<std::string>& v) const { return fmt::format("an array of {} strings", v.size()); }
  };
  return std::visit(Describe{}, value.value);
}

}  // namespace

GgufMetadata::GgufMetadata(HeaderReader& reader, uint64_t count) : file_(reader.file().path()) {
  if (count > kMostKeys) {
    refuse({.file = file_, .offset = reader.offset(), .found = fmt::format("{} metadata keys", count),
            .expected = fmt::format("at most {}", kMostKeys)});
  }
  reader.demand(count, 8 + 4 + 1, "metadata");  // length of the key, type, value
  ValueReader values(reader);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t at = reader.offset();
    std::string key = values.key();
    GgufValue value = values.value(key);
    if (!values_.emplace(key, std::move(value)).second) {
      refuse({.file = file_, .offset = at, .found = fmt::format("the key {} for the second time", printable(key)), .expected = "each key once"});
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

const std::string* GgufMetadata::string(std::string_view key) const { return held<std::string>(key, "a string"); }
const std::vector<std::string>* GgufMetadata::strings(std::string_view key) const {
  return held<std::vector<std::string>>(key, "an array of strings");
}
const std::vector<int64_t>* GgufMetadata::integers(std::string_view key) const {
  return held<std::vector<int64_t>>(key, "an array of integers");
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
