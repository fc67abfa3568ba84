// UTF-8, a character at a time, in the terms of Unicode's table 3-7 (well-formed byte sequences). Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace yoke::model::text {

struct Utf8Char {
  enum class State {
    well_formed,
    ill_formed,  // `bytes` is the maximal subpart: what one U+FFFD stands for
    unfinished,  // the text ends inside a sequence that is well-formed so far
  };
  State state = State::well_formed;
  size_t bytes = 1;
  char32_t code = 0;  // only when well-formed
};

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD

// The character that begins at `at` (at < text.size()).
Utf8Char read_char(std::string_view text, size_t at);

bool is_well_formed(std::string_view text);
// With U+FFFD for each maximal subpart of what is ill-formed or unfinished.
std::string well_formed(std::string_view text);

void append_char(std::string& text, char32_t code);

}  // namespace yoke::model::text
