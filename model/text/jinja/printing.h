// Values as text: as Python's str() and repr() print them, and as JSON the way transformers' tojson writes it. What was made
// from anything of the caller's counts as the caller's. One thread.
#pragma once

#include <string>

#include "model/text/jinja/value.h"

namespace yoke::model::text::jinja {

// str(): a string is itself, with its provenance; undefined is empty.
TextPtr to_text(Context& context, const Value& value);

// repr(): what a list prints of its elements.
Text to_repr(Context& context, const Value& value);

struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  std::string indent;         // of one level; only with `multiline`
  bool multiline = false;
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
Text to_json(Context& context, const Value& value, const JsonStyle& style);

std::string print_real(double value);  // the shortest that reads back equal, as Python writes it: "0.1", "1e-05", "2.0"

}  // namespace yoke::model::text::jinja
