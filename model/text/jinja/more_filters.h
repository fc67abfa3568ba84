// Filters on numbers and texts, for the table in filters.cpp. One thread.
#pragma once

#include "model/text/jinja/value.h"

namespace yoke::model::text::jinja {

Value to_integer(Context& context, const Value& value, const Arguments& arguments);
Value to_real(Context& context, const Value& value, const Arguments& arguments);
Value absolute(Context& context, const Value& value, const Arguments& arguments);
Value round(Context& context, const Value& value, const Arguments& arguments);

Value attr(Context& context, const Value& value, const Arguments& arguments);
Value parse_json(Context& context, const Value& value, const Arguments& arguments);  // llama.cpp's from_json
Value format(Context& context, const Value& value, const Arguments& arguments);      // printf's way
Value center(Context& context, const Value& value, const Arguments& arguments);
Value truncate(Context& context, const Value& value, const Arguments& arguments);
Value wordcount(Context& context, const Value& value, const Arguments& arguments);
Value urlencode(Context& context, const Value& value, const Arguments& arguments);
Value repr(Context& context, const Value& value, const Arguments& arguments);

}  // namespace yoke::model::text::jinja
