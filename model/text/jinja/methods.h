// Methods of strings, dicts, lists and loops: x.strip(), x.get("key"). Rows of a table. One thread.
#pragma once

#include <span>
#include <string_view>

#include "model/text/jinja/value.h"

namespace yoke::model::text::jinja {

struct Method {
  enum class Type { string, list, sequence, dict, loop };  // a sequence: a list or a tuple
  Type type;
  std::string_view name;
  Value (*call)(Context& context, const Value& self, const Arguments& arguments);
};
std::span<const Method> string_methods();

// The method, bound to `value`; undefined where its type has none of that name.
Value bind_method(const Value& value, std::string_view name);

bool is_method(std::string_view name);  // of any type

}  // namespace yoke::model::text::jinja
