// The source of an expression, read from left to right, and what a refusal says of the place. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/error.h"

namespace yoke::model::text::regex {

class Reader {
 public:
  // Error{bad_file} where the source is no well-formed UTF-8 or longer than kMaxBytes.
  explicit Reader(std::string_view source);

  static constexpr size_t kMaxBytes = 64 << 10;

  bool at_end() const { return at_ == source_.size(); }
  size_t place() const { return at_; }
  void go_back(size_t place) { at_ = place; }
  bool starts_with(std::string_view expected) const { return source_.substr(at_).starts_with(expected); }
  // Takes `expected` where it is next.
  bool accept(std::string_view expected);
  // The next character, which is there; `read` takes it.
  char32_t peek() const;
  char32_t read();
  // Up to `most` digits of base 8, 10 or 16; none where there is none, or where the number passes kMaxNumber.
  std::optional<uint32_t> read_number(int base, size_t most);
  // The text up to `end`, which is taken too; Error{bad_file} where it does not come.
  std::string_view read_until(std::string_view end, std::string_view what);

  static constexpr uint32_t kMaxNumber = 0x7FFFFFFF;

  [[noreturn]] void refuse_syntax(std::string_view what) const;       // Error{bad_file}
  [[noreturn]] void refuse_construct(std::string_view what) const;  // Error{unsupported}

 private:
  [[noreturn]] void refuse(Code code, std::string_view what) const;

  std::string_view source_;
  size_t at_ = 0;
};

}  // namespace yoke::model::text::regex
