// From the source of an expression to its tree. The syntax is Oniguruma's own, as the reference uses it: options i, m (a dot takes
// line feeds) and x, of which (?i) holds to the end of the group, alternatives included; {,n} is {0,n}; {n,m}+ is a repeated
// repeat; ^ and $ stand at lines; \h is a hexadecimal digit; \xHH is a byte of UTF-8. Beyond the reference, (?s), (?P<name>...) and
// a dash behind a class in a class are read as Perl's. Characters match without regard to case one to one only: "ss" is not U+00DF.
// Pure; any thread.
#pragma once

#include <string_view>

#include "model/text/regex/ast.h"

namespace yoke::model::text::regex {

inline constexpr int kMostNested = 64;             // groups and classes in each other
inline constexpr int kMostStacked = 8;             // quantifiers upon one another
inline constexpr uint64_t kMostExpanded = 50'000;  // characters, when counted repeats of groups are written out

// Error{bad_file} for what is no expression, Error{unsupported} for back references, recursion, conditions, callouts, \K, \G, \X
// and the absent operator, each with its place.
Expression parse(std::string_view source);

}  // namespace yoke::model::text::regex
