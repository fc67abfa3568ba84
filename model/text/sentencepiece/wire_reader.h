// Reads a message of Protocol Buffers field by field, without a schema and without copying (the wire format is documented by
// Google's "Encoding" page for them). Never reads beyond the message. One thread; views live as long as the bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace yoke::model::text {

class WireReader {
 public:
  // `what` names the message in refusals.
  WireReader(std::string_view bytes, std::string what) : bytes_(bytes), what_(std::move(what)) {}

  // Goes to the next field; false at the end. Error{bad_file} for what is no field.
  bool next();
  uint32_t field() const { return field_; }

  // The value of the field, Error{bad_file} where it is of another kind.
  int64_t integer() const;
  bool boolean() const { return integer() != 0; }
  float number() const;
  std::string_view text() const;

 private:
  enum class Kind : uint8_t { varint = 0, fixed64 = 1, bytes = 2, group = 3, end_of_group = 4, fixed32 = 5 };

  uint64_t varint();
  std::string_view take(uint64_t count);
  void expect(Kind kind) const;
  [[noreturn]] void refuse(const std::string& found) const;

  std::string_view bytes_;
  std::string what_;
  size_t at_ = 0;
  uint32_t field_ = 0;
  Kind kind_ = Kind::varint;
  uint64_t integer_ = 0;
  std::string_view value_;
};

}  // namespace yoke::model::text
