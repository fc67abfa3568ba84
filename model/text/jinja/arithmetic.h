// Operators on numbers, with Python's meaning but 64 bits for integers: Fault where one would need more. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "model/text/jinja/operations.h"

namespace yoke::model::text::jinja {

std::string_view symbol(BinaryOp op);  // "+"

Value calculate(BinaryOp op, int64_t a, int64_t b);
Value calculate(BinaryOp op, double a, double b);

}  // namespace yoke::model::text::jinja
