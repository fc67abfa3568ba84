// Tokens to a tree, with every name of a filter, test, function, method or statement looked up: what this build lacks is
// refused here, by line and name, and not in the middle of somebody's request. Recursive descent, of limited depth.
#pragma once

#include <string_view>

#include "model/text/jinja/ast.h"

namespace yoke::model::text::jinja {

// Error{bad_file} for a syntax error, Error{unsupported} for what the evaluator lacks; both with the line.
Body parse(std::string_view source);

}  // namespace yoke::model::text::jinja
