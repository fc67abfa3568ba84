// Sets of code points as ranges, and what can be done with them. Values; any thread.
#pragma once

#include <cstddef>
#include <vector>

#include "model/text/unicode/properties.h"

namespace yoke::model::text::unicode {

// Ascending ranges that do not touch.
using CodeSet = std::vector<Range>;

CodeSet make_set(std::vector<Range> ranges);  // of ranges in any order, which may overlap
CodeSet complement(const CodeSet& set);       // within 0 to 0x10FFFF
CodeSet unite(const CodeSet& a, const CodeSet& b);
CodeSet intersect(const CodeSet& a, const CodeSet& b);
CodeSet with_case_variants(const CodeSet& set);  // and all that matches its characters without regard to case
bool contains(const CodeSet& set, char32_t code);

}  // namespace yoke::model::text::unicode
