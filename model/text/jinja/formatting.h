// Python's two ways of printing values into a text: "{:>8}".format(x) and "%5.1f" % x. What a value's own text brought along
// stays the caller's. Widths are charged to the budget. One thread.
#pragma once

#include "model/text/jinja/value.h"

namespace yoke::model::text::jinja {

Text format_braces(Context& context, const Text& format, const Arguments& arguments);
Text format_percent(Context& context, const Text& format, const Value& values);  // a tuple, a dict, or one value

enum class Align { left, right, center };
Text centered(Context& context, const Text& text, int64_t width, const Text& fill);  // as str.center deals with odd blanks
Text padded(Context& context, const Text& text, size_t width, Align align, const Text& fill);  // fill: one character

}  // namespace yoke::model::text::jinja
