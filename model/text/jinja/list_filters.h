// Filters on lists, for the table in filters.cpp. Where Jinja gives a generator, so do these (see List::Form). One thread.
#pragma once

#include "model/text/jinja/value.h"

namespace yoke::model::text::jinja {

Value as_list(Context& context, const Value& value, const Arguments& arguments);
Value map(Context& context, const Value& value, const Arguments& arguments);
Value select(Context& context, const Value& value, const Arguments& arguments);
Value reject(Context& context, const Value& value, const Arguments& arguments);
Value selectattr(Context& context, const Value& value, const Arguments& arguments);
Value rejectattr(Context& context, const Value& value, const Arguments& arguments);
Value first(Context& context, const Value& value, const Arguments& arguments);
Value last(Context& context, const Value& value, const Arguments& arguments);
Value reverse(Context& context, const Value& value, const Arguments& arguments);
Value sort(Context& context, const Value& value, const Arguments& arguments);
Value dictsort(Context& context, const Value& value, const Arguments& arguments);
Value unique(Context& context, const Value& value, const Arguments& arguments);
Value least(Context& context, const Value& value, const Arguments& arguments);
Value greatest(Context& context, const Value& value, const Arguments& arguments);
Value sum(Context& context, const Value& value, const Arguments& arguments);
Value groupby(Context& context, const Value& value, const Arguments& arguments);
Value batch(Context& context, const Value& value, const Arguments& arguments);
Value slices(Context& context, const Value& value, const Arguments& arguments);

}  // namespace yoke::model::text::jinja
