// Methods of strings, dicts, lists and loops: x.strip(), x.get("key"). Rows of a table. One thread.
#pragma once

#include <string_view>

#include "model/text/jinja/value.h"

namespace yoke::model::text::jinja {

// The method, bound to `value`; undefined where its type has none of that name.
Value bind_method(const Value& value, std::string_view name);

bool is_method(std::string_view name);  // of any type

}  // namespace yoke::model::text::jinja
