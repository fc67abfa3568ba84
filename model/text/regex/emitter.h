// An expression over the classes of its alphabet, written for PCRE2 in 8-bit mode without UTF. Pure; any thread.
#pragma once

#include <string>

#include "model/text/regex/alphabet.h"
#include "model/text/regex/ast.h"

namespace yoke::model::text::regex {

enum class Form {
  at_first,    // for the place where a scan begins
  at_further,  // for a place whose neighbour before did not begin a match, though it was tried
  counted,     // with a callout at each step of a repeat
};

// What begins by a repeat of a set, and failed one character before in such a run, fails in the middle of it too: form `at_further`
// asks first, or a run of n characters would cost n * n.
std::string emit(const Expression& expression, const Alphabet& alphabet, Form form);

// The classes of the characters by which a match can begin; all of them where it may be empty.
ClassSet first_classes(const Expression& expression, const Alphabet& alphabet);

}  // namespace yoke::model::text::regex
