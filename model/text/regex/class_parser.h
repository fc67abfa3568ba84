// Classes of characters: [a-z], [^\s\p{L}], [[:alpha:]&&[^x]]. One thread.
#pragma once

#include "model/text/regex/reader.h"
#include "model/text/unicode/code_set.h"

namespace yoke::model::text::regex {

// Reads behind '['. Nested to `depth` more levels at most.
unicode::CodeSet read_class(Reader& reader, bool ignores_case, int depth);

}  // namespace yoke::model::text::regex
