#include "model/text/utf8.h"

#include <cstdint>

namespace yoke::model::text {
namespace {

// What a lead byte promises: the length, and the range of the second byte, the only one that depends on the lead
// (it keeps out overlong forms, surrogates and what lies above U+10FFFF).
struct Lead {
  size_t bytes = 0;  // 0: no sequence begins with this byte
  uint8_t second_min = 0x80;
  uint8_t second_max = 0xBF;
};

Lead read_lead(uint8_t byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xC2) return {0};
  if (byte < 0xE0) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0};
}

}  // namespace

Utf8Char read_char(std::string_view text, size_t at) {
  const auto first = static_cast<uint8_t>(text[at]);
  const Lead lead = read_lead(first);
  if (lead.bytes == 0) return {Utf8Char::State::ill_formed, 1};
  if (lead.bytes == 1) return {Utf8Char::State::well_formed, 1, first};
  char32_t code = first & (0x7F >> lead.bytes);
  for (size_t i = 1; i < lead.bytes; ++i) {
    if (at + i == text.size()) return {Utf8Char::State::unfinished, i};
    const auto byte = static_cast<uint8_t>(text[at + i]);
    const uint8_t min = i == 1 ? lead.second_min : 0x80, max = i == 1 ? lead.second_max : 0xBF;
    if (byte < min || byte > max) return {Utf8Char::State::ill_formed, i};
    code = code << 6 | (byte & 0x3F);
  }
  return {Utf8Char::State::well_formed, lead.bytes, code};
}

bool is_well_formed(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = read_char(text, at);
    if (c.state != Utf8Char::State::well_formed) return false;
    at += c.bytes;
  }
  return true;
}

std::string well_formed(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = read_char(text, at);
    out += c.state == Utf8Char::State::well_formed ? text.substr(at, c.bytes) : kReplacementCharacter;
    at += c.bytes;
  }
  return out;
}

void append_char(std::string& text, char32_t code) {
  const auto put = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xE0 | code >> 12);
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3F));
    }
    put(0x80 | (code >> 6 & 0x3F));
  }
  put(0x80 | (code & 0x3F));
}

}  // namespace yoke::model::text
