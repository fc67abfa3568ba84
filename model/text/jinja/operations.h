// Operators on values, with Python's meaning. Fault for types that do not go together. One thread.
#pragma once

#include "model/text/jinja/value.h"

namespace yoke::model::text::jinja {

enum class BinaryOp { add, subtract, multiply, divide, floor_divide, modulo, power, concatenate };
enum class CompareOp { equal, not_equal, less, less_equal, greater, greater_equal, in, not_in };

bool truthy(const Value& value);
bool equal(Context& context, const Value& a, const Value& b);
bool less(Context& context, const Value& a, const Value& b);  // numbers among themselves, strings, lists
bool contains(Context& context, const Value& container, const Value& item);

Value apply(Context& context, BinaryOp op, const Value& a, const Value& b);
bool apply(Context& context, CompareOp op, const Value& a, const Value& b);
Value negate(const Value& value);

TextPtr concatenate(Context& context, std::span<const TextPtr> parts);

}  // namespace yoke::model::text::jinja
