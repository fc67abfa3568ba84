// Kinds of characters in the terms of the reference tokenizers, which are written in Rust. Pure; any thread.
#pragma once

#include <string_view>

namespace yoke::model::text {

bool is_word_character(char32_t code);  // \w of Rust's regular expressions: letters, marks, digits, connectors, joiners
bool is_numeric(char32_t code);         // general category N
bool is_punctuation(char32_t code);     // ASCII's punctuation and symbols, and general category P

// Bytes of white space at the end and at the beginning of well-formed UTF-8.
size_t space_at_end(std::string_view text);
size_t space_at_begin(std::string_view text);

// The characters at the two ends; U+0000 for an empty text.
char32_t first_character(std::string_view text);
char32_t last_character(std::string_view text);

}  // namespace yoke::model::text
