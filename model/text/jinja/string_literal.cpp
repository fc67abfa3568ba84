#include "model/text/jinja/string_literal.h"

#include <charconv>

#include "model/text/jinja/lexer.h"
#include "model/text/utf8.h"

namespace yoke::model::text::jinja {
namespace {

constexpr std::string_view kLetters = "ntr\\'\"abfv", kMeanings = "\n\t\r\\'\"\a\b\f\v";

void append_checked(std::string& out, uint32_t code, int line) {
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) syntax_error(line, "an escape in a string is no character");
  append_char(out, code);
}

uint32_t read_number(std::string_view digits, int base, size_t wanted, int line) {
  uint32_t code = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, base);
  if (error != std::errc{} || end != digits.data() + digits.size() || digits.size() != wanted) {
    syntax_error(line, "an escape in a string has too few digits");
  }
  return code;
}

size_t hex_digits(char letter) {
  switch (letter) {
    case 'x': return 2;
    case 'u': return 4;
    case 'U': return 8;
    default: return 0;
  }
}

size_t octal_digits(std::string_view text) {
  size_t count = 0;
  while (count < 3 && count < text.size() && text[count] >= '0' && text[count] <= '7') ++count;
  return count;
}

// Reads what follows a backslash; gives the bytes it took.
size_t resolve_one(std::string_view behind, std::string& out, int line) {
  const char letter = behind[0];
  if (letter == '\n') return 1;
  if (const size_t place = kLetters.find(letter); place != kLetters.npos) {
    out += kMeanings[place];
    return 1;
  }
  if (const size_t digits = hex_digits(letter)) {
    append_checked(out, read_number(behind.substr(1, digits), 16, digits, line), line);
    return 1 + digits;
  }
  if (const size_t digits = octal_digits(behind)) {
    append_checked(out, read_number(behind.substr(0, digits), 8, digits, line), line);
    return digits;
  }
  out += '\\';
  return 0;
}

}  // namespace

std::string resolve_escapes(std::string_view literal, int line) {
  std::string out;
  for (size_t at = 0; at < literal.size();) {
    if (literal[at] != '\\' || at + 1 == literal.size()) {
      out += literal[at++];
    } else {
      at += 1 + resolve_one(literal.substr(at + 1), out, line);
    }
  }
  return out;
}

}  // namespace yoke::model::text::jinja
