#include "model/text/character_kinds.h"

#include "model/text/unicode/code_set.h"
#include "model/text/unicode/properties.h"
#include "model/text/utf8.h"

namespace yoke::model::text {
namespace {

// Where the last character begins, in UTF-8 that is not empty.
size_t last_begin(std::string_view text) {
  constexpr size_t kMostBytes = 4;
  size_t at = text.size() - 1;
  while (at > 0 && text.size() - at < kMostBytes && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

bool is_alphabetic(char32_t code) {
  static const unicode::CodeSet letters = unicode::property("Alphabetic").value();
  return unicode::contains(letters, code);
}

}  // namespace

bool is_word_character(char32_t code) {
  using unicode::Category;
  if (code < 0x80) return (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z') || (code >= 'a' && code <= 'z') || code == '_';
  const Category category = unicode::category(code);
  if (category == Category::Nd || category == Category::Pc) return true;
  if (category == Category::Mn || category == Category::Mc || category == Category::Me) return true;
  return code == 0x200C || code == 0x200D || is_alphabetic(code);
}

bool is_numeric(char32_t code) {
  using unicode::Category;
  if (code < 0x80) return code >= '0' && code <= '9';
  const Category category = unicode::category(code);
  return category == Category::Nd || category == Category::Nl || category == Category::No;
}

bool is_punctuation(char32_t code) {
  using unicode::Category;
  if (code < 0x80) return code == '_' || (code > ' ' && code < 0x7F && !is_word_character(code));
  const Category category = unicode::category(code);
  return category >= Category::Pc && category <= Category::Po;
}

size_t space_at_end(std::string_view text) {
  size_t end = text.size();
  while (end > 0 && unicode::is_white_space(last_character(text.substr(0, end)))) end = last_begin(text.substr(0, end));
  return text.size() - end;
}

size_t space_at_begin(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const Utf8Char c = read_char(text, at);
    if (!unicode::is_white_space(c.code)) break;
    at += c.bytes;
  }
  return at;
}

char32_t first_character(std::string_view text) { return text.empty() ? 0 : read_char(text, 0).code; }

char32_t last_character(std::string_view text) { return text.empty() ? 0 : read_char(text, last_begin(text)).code; }

}  // namespace yoke::model::text
