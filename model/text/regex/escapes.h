// What stands behind a backslash where a character may stand, inside of classes and outside. One thread.
#pragma once

#include <variant>

#include "model/text/regex/reader.h"
#include "model/text/unicode/code_set.h"

namespace yoke::model::text::regex {

using CharacterOrSet = std::variant<char32_t, unicode::CodeSet>;

// Reads behind a backslash. Letters that mean more outside of a class (\A, \b, \R ...) are the parser's, which asks first.
CharacterOrSet read_escape(Reader& reader);

const unicode::CodeSet& word_set();       // \w in a class: Alphabetic, marks, decimal digits and connectors
const unicode::CodeSet& wide_word_set();  // \w elsewhere: the reference's engine has the numbers of Latin-1 in it too
const unicode::CodeSet& newline_set();
const unicode::CodeSet& any_set();

}  // namespace yoke::model::text::regex
