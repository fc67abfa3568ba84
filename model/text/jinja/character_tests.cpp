#include "model/text/jinja/character_tests.h"

#include <algorithm>

#include "model/text/jinja/characters.h"
#include "model/text/unicode/properties.h"
#include "model/text/utf8.h"

namespace yoke::model::text::jinja {
namespace {

using unicode::Category;

// Categories stand in groups: letters first, then marks, then numbers.
bool is_letter(Category category) { return category <= Category::Lo; }

template <typename Holds>
bool all_are(std::string_view text, const Holds& holds) {
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = read_char(text, at);
    if (c.state != Utf8Char::State::well_formed || !holds(c.code)) return false;
    at += c.bytes;
  }
  return !text.empty();
}

// No character of the other case, and at least one of this.
bool is_cased(std::string_view text, Category wanted, Category other) {
  bool found = false;
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = read_char(text, at);
    const Category category = unicode::category(c.code);
    if (category == other || category == Category::Lt) return false;
    found |= category == wanted;
    at += c.bytes;
  }
  return found;
}

bool is_digit_like(char32_t code) {
  return unicode::category(code) == Category::Nd || code == 0xB2 || code == 0xB3 || code == 0xB9;
}

}  // namespace

bool is_alphabetic(std::string_view text) {
  return all_are(text, [](char32_t code) { return is_letter(unicode::category(code)); });
}

bool is_alphanumeric(std::string_view text) {
  return all_are(text, [](char32_t code) {
    const Category category = unicode::category(code);
    return is_letter(category) || category == Category::Nd || category == Category::Nl || category == Category::No;
  });
}

bool is_digits(std::string_view text) { return all_are(text, is_digit_like); }

bool is_numeric(std::string_view text) {
  return all_are(text, [](char32_t code) {
    const Category category = unicode::category(code);
    return category == Category::Nd || category == Category::Nl || category == Category::No;
  });
}

bool is_blank(std::string_view text) { return all_are(text, is_space); }
bool is_lower(std::string_view text) { return is_cased(text, Category::Ll, Category::Lu); }
bool is_upper(std::string_view text) { return is_cased(text, Category::Lu, Category::Ll); }

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

std::string swapped_case(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = read_char(text, at);
    const std::string_view bytes = text.substr(at, c.bytes);
    const Category category = unicode::category(c.code);
    out += category == Category::Lu ? to_lower(bytes) : category == Category::Ll ? to_upper(bytes) : std::string(bytes);
    at += c.bytes;
  }
  return out;
}

bool is_printable(char32_t code) {
  const Category category = unicode::category(code);
  return code == ' ' || (category < Category::Zs);
}

}  // namespace yoke::model::text::jinja
