// str.isalpha and its kin: what every character of a text is. Pure; any thread. Texts that are no well-formed UTF-8 are nothing.
#pragma once

#include <string>
#include <string_view>

namespace yoke::model::text::jinja {

bool is_alphabetic(std::string_view text);
bool is_alphanumeric(std::string_view text);
bool is_digits(std::string_view text);   // decimal digits; of str.isdigit's others, superscripts one to three
bool is_numeric(std::string_view text);
bool is_blank(std::string_view text);    // str.isspace
bool is_lower(std::string_view text);    // has cased characters, all of them lower case
bool is_upper(std::string_view text);
bool is_ascii(std::string_view text);
std::string swapped_case(std::string_view text);

bool is_printable(char32_t code);        // repr() writes the others as escapes

}  // namespace yoke::model::text::jinja
