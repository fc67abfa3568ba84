#include "model/text/regex/reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/text/utf8.h"

namespace yoke::model::text::regex {
namespace {

constexpr size_t kShown = 80;  // bytes of the source in a refusal

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

// A piece of the source that ends with a whole character.
std::string_view shown(std::string_view source) {
  if (source.size() <= kShown) return source;
  size_t end = kShown;
  while (end > 0 && (static_cast<uint8_t>(source[end]) & 0xC0) == 0x80) --end;
  return source.substr(0, end);
}

}  // namespace

Reader::Reader(std::string_view source) : source_(source) {
  if (source.size() > kMaxBytes) {
    throw Error{Code::bad_file, fmt::format("regular expression of {} bytes; at most {} are read", source.size(), kMaxBytes)};
  }
  for (size_t at = 0; at < source.size();) {
    const Utf8Char c = read_char(source, at);
    if (c.state != Utf8Char::State::well_formed) {
      throw Error{Code::bad_file, fmt::format("regular expression with ill-formed UTF-8 at byte {}", at)};
    }
    at += c.bytes;
  }
}

bool Reader::accept(std::string_view expected) {
  if (!starts_with(expected)) return false;
  at_ += expected.size();
  return true;
}

char32_t Reader::peek() const { return read_char(source_, at_).code; }

char32_t Reader::read() {
  const Utf8Char c = read_char(source_, at_);
  at_ += c.bytes;
  return c.code;
}

std::optional<uint32_t> Reader::read_number(int base, size_t most) {
  uint64_t number = 0;
  const size_t begin = at_, end = std::min(source_.size(), at_ + std::min(most, source_.size()));
  for (; at_ < end && digit_of(source_[at_]) < base; ++at_) {
    number = number * base + digit_of(source_[at_]);
    if (number > kMaxNumber) return std::nullopt;
  }
  if (at_ == begin) return std::nullopt;
  return static_cast<uint32_t>(number);
}

std::string_view Reader::read_until(std::string_view end, std::string_view what) {
  const size_t found = source_.find(end, at_);
  if (found == std::string_view::npos) refuse_syntax(fmt::format("{} has no end", what));
  const std::string_view text = source_.substr(at_, found - at_);
  at_ = found + end.size();
  return text;
}

void Reader::refuse(Code code, std::string_view what) const {
  throw Error{code, fmt::format("regular expression '{}'{}: at byte {}, {}", shown(source_),
                                source_.size() > kShown ? "..." : "", at_, what)};
}

void Reader::refuse_syntax(std::string_view what) const { refuse(Code::bad_file, what); }

void Reader::refuse_construct(std::string_view what) const {
  refuse(Code::unsupported, fmt::format("{}, which this build does not know", what));
}

}  // namespace yoke::model::text::regex
