// Letters, marks and numbers of Unicode 15 to 16, which the tables of PCRE2 10.42 (Unicode 14) call unassigned. The
// reference tokenizers know them. Generated once from the Unicode Character Database 16.0, property General_Category.
#pragma once

#include <string>
#include <string_view>

namespace yoke::model::text {

// The new characters of a general category ("Lu") or a group of them ("L"), as the inside of a PCRE2 character class;
// empty for a category without additions.
std::string unicode_additions(std::string_view category);

}  // namespace yoke::model::text
