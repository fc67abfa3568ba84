#include "model/text/regex/escapes.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "model/text/utf8.h"

namespace yoke::model::text::regex {
namespace {

constexpr char32_t kHighest = 0x10FFFF;

struct Control {
  char letter;
  char32_t code;
};

constexpr Control kControls[] = {{'t', '\t'}, {'n', '\n'}, {'r', '\r'}, {'f', '\f'}, {'v', '\v'}, {'a', '\a'}, {'e', 0x1B}};

// Oniguruma's: \h is a hexadecimal digit. A capital letter is the complement.
struct Shorthand {
  char letter;
  unicode::CodeSet set;
};

const std::vector<Shorthand>& shorthands() {
  static const std::vector<Shorthand> rows = [] {
    std::vector<Shorthand> made;
    for (const auto& [letter, property] : {std::pair{'s', "White_Space"}, {'d', "Nd"}, {'w', "Word"}, {'h', "ASCII_Hex_Digit"}}) {
      made.push_back({letter, *unicode::property(property)});
      made.push_back({static_cast<char>(letter - 'a' + 'A'), unicode::complement(made.back().set)});
    }
    return made;
  }();
  return rows;
}

char32_t checked(const Reader& reader, std::optional<uint32_t> code) {
  if (!code) reader.refuse_syntax("a character's number is expected in hexadecimal digits");
  if (*code > kHighest) reader.refuse_syntax("a character's number is above 10FFFF");
  return *code;
}

// \xHH is a byte: one above 7F is the first of a character whose others follow in the same way.
char32_t read_bytes(Reader& reader) {
  std::string bytes;
  while (bytes.empty() || reader.accept("\\x")) {
    const auto byte = reader.read_number(16, 2);
    if (!byte) reader.refuse_syntax("\\x without hexadecimal digits");
    bytes.push_back(static_cast<char>(*byte));
    const Utf8Char c = read_char(bytes, 0);
    if (c.state == Utf8Char::State::well_formed) return c.code;
    if (c.state == Utf8Char::State::ill_formed) reader.refuse_syntax("\\x bytes that are no UTF-8");
  }
  reader.refuse_syntax("\\x with the first byte of a character alone");
}

char32_t read_hexadecimal(Reader& reader) {
  if (!reader.accept("{")) return read_bytes(reader);
  const char32_t code = checked(reader, reader.read_number(16, 8));
  if (!reader.accept("}")) reader.refuse_syntax("'}' is expected behind one character's number");
  return code;
}

unicode::CodeSet read_property(Reader& reader, bool negative) {
  const std::string_view name = reader.read_until("}", "\\p{");
  const size_t begin = std::min(name.find_first_not_of(' '), name.size());
  const bool complement = name.substr(begin).starts_with('^');
  const auto found = unicode::property(name.substr(begin + complement));
  if (!found) reader.refuse_construct(fmt::format("property '{}' (Unicode {})", name, unicode::kUnicodeVersion));
  return complement != negative ? unicode::complement(*found) : *found;
}

}  // namespace

CharacterOrSet read_escape(Reader& reader) {
  if (reader.at_end()) reader.refuse_syntax("nothing stands behind the last backslash");
  const char32_t letter = reader.read();
  for (const Control& row : kControls) {
    if (letter == static_cast<char32_t>(row.letter)) return row.code;
  }
  for (const Shorthand& row : shorthands()) {
    if (letter == static_cast<char32_t>(row.letter)) return row.set;
  }
  if ((letter == 'p' || letter == 'P') && reader.accept("{")) return read_property(reader, letter == 'P');
  if (letter == 'x') return read_hexadecimal(reader);
  if (letter == 'u') return checked(reader, reader.read_number(16, 4));
  if (letter == '0') return static_cast<char32_t>(reader.read_number(8, 2).value_or(0));
  if (letter >= '1' && letter <= '9') reader.refuse_construct("a back reference or an octal number");
  if (letter == 'c' || letter == 'C' || letter == 'M') reader.refuse_construct("a control or meta character's name");
  return letter;  // any other character stands for itself, letters too
}

const unicode::CodeSet& word_set() {
  static const unicode::CodeSet set = *unicode::property("Word");
  return set;
}

const unicode::CodeSet& wide_word_set() {
  static const unicode::CodeSet set = unicode::unite(word_set(), {{0xB2, 0xB3}, {0xB9, 0xB9}, {0xBC, 0xBE}});
  return set;
}

const unicode::CodeSet& newline_set() {
  static const unicode::CodeSet set = {{'\n', '\n'}};
  return set;
}

const unicode::CodeSet& any_set() {
  static const unicode::CodeSet set = {{0, kHighest}};
  return set;
}

}  // namespace yoke::model::text::regex
