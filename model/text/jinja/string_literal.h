// The meaning of a string literal in a template. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace yoke::model::text::jinja {

// Python's escapes: \n \t \r \\ \' \" \a \b \f \v \xHH \uHHHH \UHHHHHHHH, octal, a line end after a backslash; a backslash
// before anything else stays. Error{bad_file} with the line for an escape that stops short or is no character.
std::string resolve_escapes(std::string_view literal, int line);

}  // namespace yoke::model::text::jinja
