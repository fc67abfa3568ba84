// Functions that every template sees: namespace, range, dict, raise_exception, strftime_now. Rows of a table. One thread.
#pragma once

#include <string_view>

#include "model/text/jinja/value.h"

namespace yoke::model::text::jinja {

Value find_function(std::string_view name);  // undefined where there is none
bool is_function(std::string_view name);

// A dict's entries as tuples (key, value).
Value items_of(Context& context, const Dict& dict, List::Form form);

}  // namespace yoke::model::text::jinja
