// What Python's str knows of characters, on UTF-8: count, place, white space, case. Pure; any thread. Bytes that are no
// well-formed UTF-8 count as a character each maximal subpart.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::model::text::jinja {

size_t count_characters(std::string_view text);

// Where each character begins, and the text's size at the end.
std::vector<size_t> character_bounds(std::string_view text);

// Where `part` first stands at or after `from`, or npos; in linear time also for hostile strings.
size_t find_part(std::string_view text, std::string_view part, size_t from = 0);

size_t find_last_part(std::string_view text, std::string_view part);

// str.isspace: wider than Unicode's White_Space by U+001C to U+001F.
bool is_space(char32_t code);

// Bytes that str.strip() drops at the beginning, or at the end. With `set` not null: characters of the set instead of white space.
size_t leading_stripped(std::string_view text, const std::string_view* set);
size_t trailing_stripped(std::string_view text, const std::string_view* set);

// By Unicode's simple mappings, and "ß" to "SS"; without the other special ones.
std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);

}  // namespace yoke::model::text::jinja
