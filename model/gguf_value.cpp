#include "model/gguf_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "model/bad_file.h"

namespace yoke::model {
namespace {

constexpr uint64_t kMostKeyBytes = 1024;
// The longest strings are chat templates: 100 KB is much.
constexpr uint64_t kMostStringBytes = 4 << 20;
// Over all arrays of a file. A large vocabulary has 260,000 tokens, 500,000 merges and as many types and scores.
constexpr uint64_t kMostArrayElements = 4 << 20;

// The format's numbers of its value types.
enum class Kind : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };
constexpr uint32_t kKinds = 13;

// What a value of this kind takes in the file at least, in the order of the numbers: a string has its length before it,
// an array its type and count.
constexpr uint64_t kLeastBytes[kKinds] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};

// Reads one value; `what` names it in messages.
struct Field {
  HeaderReader& reader;
  std::string what;

  Kind kind() {
    const uint64_t at = reader.offset();
    const auto number = reader.number<uint32_t>(what);
    if (number >= kKinds) {
      reader.refuse_at(at, fmt::format("type {} of {}", number, what),
                       fmt::format("one of GGUF's types 0 to {}", kKinds - 1));
    }
    return static_cast<Kind>(number);
  }

  int64_t integer(Kind kind) {
    switch (kind) {
      case Kind::u8:
        return reader.number<uint8_t>(what);
      case Kind::i8:
        return reader.number<int8_t>(what);
      case Kind::u16:
        return reader.number<uint16_t>(what);
      case Kind::i16:
        return reader.number<int16_t>(what);
      case Kind::u32:
        return reader.number<uint32_t>(what);
      case Kind::i32:
        return reader.number<int32_t>(what);
      case Kind::i64:
        return reader.number<int64_t>(what);
      case Kind::u64:
        return clamped(reader.number<uint64_t>(what));
      case Kind::boolean:
        return truth();
      case Kind::f32:
      case Kind::f64:
      case Kind::string:
      case Kind::array:
        break;
    }
    return 0;
  }

  static int64_t clamped(uint64_t number) {
    return static_cast<int64_t>(std::min<uint64_t>(number, std::numeric_limits<int64_t>::max()));
  }

  int64_t truth() {
    const uint64_t at = reader.offset();
    const auto byte = reader.number<uint8_t>(what);
    if (byte > 1) reader.refuse_at(at, fmt::format("{} as {}", byte, what), "0 or 1 for a bool");
    return byte;
  }

  double real(Kind kind) { return kind == Kind::f32 ? reader.number<float>(what) : reader.number<double>(what); }

  std::string string(uint64_t most_bytes) {
    const uint64_t at = reader.offset();
    const auto bytes = reader.number<uint64_t>(what);
    if (bytes > most_bytes) {
      reader.refuse_at(at, fmt::format("a length of {} bytes for {}", bytes, what),
                       fmt::format("at most {}", most_bytes));
    }
    return reader.text(bytes, what);
  }

  // The number of an array's elements, of which `most` are still allowed.
  uint64_t count(Kind kind, uint64_t most) {
    const uint64_t at = reader.offset();
    const auto count = reader.number<uint64_t>(what);
    if (count > most) {
      reader.refuse_at(at, fmt::format("{} elements in {}", count, what),
                       fmt::format("at most {} in all arrays of a file", kMostArrayElements));
    }
    reader.demand(count, kLeastBytes[static_cast<uint32_t>(kind)], what);
    return count;
  }
};

template <typename T, typename Read>
decltype(GgufValue::value) one_or_all(bool array, uint64_t count, const Read& read) {
  if (!array) return read();
  std::vector<T> elements;
  elements.reserve(count);
  for (uint64_t i = 0; i < count; ++i) elements.push_back(read());
  return elements;
}

}  // namespace

std::string GgufValueReader::key() {
  return Field{reader_, "a key"}.string(kMostKeyBytes);
}

GgufValue GgufValueReader::value(const std::string& key) {
  Field field{reader_, fmt::format("the value of {}", printable(key))};
  Kind kind = field.kind();
  GgufValue result{.offset = reader_.offset(), .value = int64_t{0}};
  const bool array = kind == Kind::array;
  if (array) kind = field.kind();
  if (array && kind == Kind::array) {
    reader_.refuse_at(result.offset, fmt::format("an array of arrays as {}", field.what),
                      "an array of numbers, bools or strings");
  }
  const uint64_t count = array ? field.count(kind, kMostArrayElements - elements_) : 1;
  if (array) elements_ += count;
  if (kind == Kind::string) {
    result.value = one_or_all<std::string>(array, count, [&] { return field.string(kMostStringBytes); });
  } else if (kind == Kind::f32 || kind == Kind::f64) {
    result.value = one_or_all<double>(array, count, [&] { return field.real(kind); });
  } else if (kind == Kind::boolean && !array) {
    result.value = field.truth() != 0;
  } else {
    result.value = one_or_all<int64_t>(array, count, [&] { return field.integer(kind); });
  }
  return result;
}

std::string described(const GgufValue& value) {
  struct Describe {
    std::string operator()(int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return fmt::format("{}", v); }
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(const std::string& v) const { return printable(v); }
    std::string operator()(const std::vector<int64_t>& v) const {
      return fmt::format("an array of {} integers", v.size());
    }
    std::string operator()(const std::vector<double>& v) const {
      return fmt::format("an array of {} floats", v.size());
    }
    std::string operator()(const std::vector<std::string>& v) const {
      return fmt::format("an array of {} strings", v.size());
    }
  };
  return std::visit(Describe{}, value.value);
}

}  // namespace yoke::model
