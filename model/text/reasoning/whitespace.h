// The white space that stands around a tag: space, tab, line feed, carriage return.
#pragma once

#include <string_view>

namespace yoke::model::text::reasoning {

inline constexpr std::string_view kWhitespace = " \t\n\r";

inline std::string_view without_trailing_space(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kWhitespace) + 1);  // npos + 1 is 0
}

inline size_t leading_space(std::string_view text) {
  const size_t end = text.find_first_not_of(kWhitespace);
  return end == std::string_view::npos ? text.size() : end;
}

}  // namespace yoke::model::text::reasoning
