#include "model/text/sentencepiece/wire_reader.h"

#include <fmt/format.h>

#include <bit>

#include "core/error.h"

namespace yoke::model::text {

void WireReader::refuse(const std::string& found) const {
  throw Error{Code::bad_file, fmt::format("{}, byte {}: {}; the file is damaged or no SentencePiece model", what_, at_, found)};
}

uint64_t WireReader::varint() {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (at_ == bytes_.size()) refuse("a number is cut off");
    const auto byte = static_cast<uint8_t>(bytes_[at_++]);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  refuse("a number has more than 10 bytes");
}

std::string_view WireReader::take(uint64_t count) {
  const size_t left = bytes_.size() - at_;
  if (count > left) refuse(fmt::format("field {} says that it has {} bytes, but {} are left", field_, count, left));
  const std::string_view taken = bytes_.substr(at_, count);
  at_ += count;
  return taken;
}

bool WireReader::next() {
  if (at_ == bytes_.size()) return false;
  const uint64_t key = varint();
  field_ = static_cast<uint32_t>(key >> 3);
  if (key >> 3 == 0 || key >> 3 > 0x1FFFFFFF) refuse(fmt::format("found the field number {}", key >> 3));
  kind_ = static_cast<Kind>(key & 7);
  switch (kind_) {
    case Kind::varint: integer_ = varint(); return true;
    case Kind::fixed64: value_ = take(8); return true;
    case Kind::bytes: value_ = take(varint()); return true;
    case Kind::fixed32: value_ = take(4); return true;
    case Kind::group:
    case Kind::end_of_group: break;
  }
  refuse(fmt::format("field {} is of the kind {}, which such files have not", field_, key & 7));
}

void WireReader::expect(Kind kind) const {
  if (kind_ != kind) {
    refuse(fmt::format("field {} is of the kind {}, expected {}", field_, static_cast<int>(kind_), static_cast<int>(kind)));
  }
}

int64_t WireReader::integer() const {
  expect(Kind::varint);
  return static_cast<int64_t>(integer_);
}

float WireReader::number() const {
  expect(Kind::fixed32);
  uint32_t bits = 0;
  for (int i = 3; i >= 0; --i) bits = bits << 8 | static_cast<uint8_t>(value_[i]);
  return std::bit_cast<float>(bits);
}

std::string_view WireReader::text() const {
  expect(Kind::bytes);
  return value_;
}

}  // namespace yoke::model::text
