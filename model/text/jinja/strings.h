// Operations on strings that methods and filters share; each keeps the provenance of every stretch it keeps. Offsets are bytes,
// sizes are charged to the budget. One thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/text/jinja/value.h"

namespace yoke::model::text::jinja {

enum class Side { left, right, both };

Text strip(Context& context, const Text& text, Side side, const Text* characters);  // null: white space
Text replace(Context& context, const Text& text, const Text& from, const Text& to, int64_t at_most);  // negative: all

// str.split: at a separator, or at runs of white space where there is none. `at_most` cuts; negative: all.
std::vector<Value> split(Context& context, const Text& text, const Text* separator, int64_t at_most);
std::vector<Value> split_from_right(Context& context, const Text& text, const Text* separator, int64_t at_most);
std::vector<Value> split_lines(Context& context, const Text& text, bool keeps_ends = false);

Text join(Context& context, const Text& separator, const std::vector<TextPtr>& parts);

// A text made of another one: the caller's as a whole if any of that was.
Text derived(const Text& from, std::string bytes);

std::string capitalized(std::string_view text);
std::string titled(std::string_view text);          // str.title: a word is a run of letters
std::string titled_by_words(std::string_view text);  // the filter: words end at white space and opening brackets

}  // namespace yoke::model::text::jinja
