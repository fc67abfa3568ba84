// Filters (x | trim) and tests (x is string): rows of two tables. One thread.
#pragma once

#include <string_view>
#include <vector>

#include "model/text/jinja/value.h"

namespace yoke::model::text::jinja {

struct Filter {
  std::string_view name;
  std::vector<std::string_view> parameters;  // names that may be given, in order
  bool names_another;                        // map, select...: the name of a filter or test, then its arguments
  Value (*apply)(Context& context, const Value& value, const Arguments& arguments);
  bool any_names = false;  // format: arguments of any number and name
};
const Filter* find_filter(std::string_view name);  // null where there is none

struct Test {
  std::string_view name;
  size_t arguments;  // beside the value tested
  bool (*holds)(Context& context, const Value& value, const Arguments& arguments);
};
const Test* find_test(std::string_view name);

}  // namespace yoke::model::text::jinja
