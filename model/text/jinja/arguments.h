// Reading a call's arguments with the right type, or a Fault that names the function and the argument.
#pragma once

#include <optional>
#include <string_view>

#include "model/text/jinja/value.h"

namespace yoke::model::text::jinja {

class Reader {
 public:
  Reader(std::string_view function, const Arguments& arguments) : function_(function), arguments_(arguments) {}

  const Value* find(size_t place, std::string_view name) const { return arguments_.find(place, name); }
  const Value& value(size_t place, std::string_view name) const;             // must be there
  const Text& text(size_t place, std::string_view name) const;               // must be there
  const Text* text_or_null(size_t place, std::string_view name) const;       // absent or none: null
  int64_t integer(size_t place, std::string_view name) const;                // must be there
  int64_t integer_or(size_t place, std::string_view name, int64_t otherwise) const;
  bool truth_or(size_t place, std::string_view name, bool otherwise) const;
  void at_most(size_t count) const;  // of positional and named arguments together

 private:
  std::string_view function_;
  const Arguments& arguments_;
};

}  // namespace yoke::model::text::jinja
