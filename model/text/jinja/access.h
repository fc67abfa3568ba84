// Reaching into values: x.name, x[key], x[a:b:c], and going through them. What is not there is undefined, as in Jinja, with a
// word for whoever needs it. One thread.
#pragma once

#include <optional>
#include <string_view>

#include "model/text/jinja/value.h"

namespace yoke::model::text::jinja {

Value attribute_of(Context& context, const Value& value, std::string_view name);  // a method, a field, then an entry
Value item_of(Context& context, const Value& value, const Value& key);            // an entry, then a method
Value attribute_path(Context& context, const Value& value, const Value& path);    // filters' attribute='a.b.0'

struct SliceBounds {
  std::optional<int64_t> begin, end, step;
};
Value slice_of(Context& context, const Value& value, const SliceBounds& bounds);

// The elements that a loop sees: of a list, a dict's keys, a string's characters. Fault for what cannot be gone through.
ListPtr elements_of(Context& context, const Value& value);

// For attributes of `loop`.
bool is_loop_attribute(std::string_view name);

}  // namespace yoke::model::text::jinja
