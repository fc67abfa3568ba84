// Numbers by Python's format specification: "[[fill]align][sign][#][0][width][grouping][.precision][type]". Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/text/jinja/formatting.h"

namespace yoke::model::text::jinja {

struct FormatSpec {
  std::string fill = " ";
  std::optional<Align> align;
  bool pads_behind_sign = false;  // "=", and "0" before the width
  char sign = '-';                // '-', '+' or ' '
  bool alternate = false;         // '#'
  size_t width = 0;
  char grouping = '\0';           // ',' or '_'
  std::optional<int> precision;
  char type = '\0';
};

// Fault for what is no specification, and for numbers beyond kMaxPrecision and the budget's lengths.
FormatSpec read_spec(std::string_view text);

// Without padding to the left or right, but with that behind the sign. Fault for a type that does not go with the value.
std::string format_integer(int64_t value, const FormatSpec& spec);
std::string format_real(double value, const FormatSpec& spec);

}  // namespace yoke::model::text::jinja
