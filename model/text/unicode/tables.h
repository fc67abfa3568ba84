// The generated tables (make_tables.py, tables_*.cpp) of the Unicode Character Database kUnicodeVersion. Only this folder reads
// them. Constant; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "model/text/unicode/properties.h"

namespace yoke::model::text::unicode {

// A mapping of every `step`-th code from `first` to `last` (inclusive): code + delta.
struct Stride {
  char32_t first, last;
  uint32_t step;
  int32_t delta;
};

// A property's ranges: kPropertyRanges[begin ... begin + count). The name is in lower case without '_'.
struct PropertyRow {
  std::string_view name;
  uint32_t begin, count;
};

// Where a value changes: code << 5 | Category, ascending, from code 0.
extern const std::span<const uint32_t> kCategoryRuns;
// The same for scripts: code << 8 | index into kScriptNames, which holds a script's names joined by '|'.
extern const std::span<const uint32_t> kScriptRuns;
extern const std::span<const std::string_view> kScriptNames;
extern const std::span<const Range> kPropertyRanges;
extern const std::span<const PropertyRow> kPropertyRows;
// Decompositions in one step, one after another: compatibility << 31 | length << 24 | code, and `length` codes. Hangul is left to
// arithmetic. Compatibility mappings to one code are strides.
extern const std::span<const uint32_t> kMappings;
extern const std::span<const Stride> kSingleMappings;
extern const std::span<const char32_t> kExclusions;      // pairs that are not composed again
extern const std::span<const uint32_t> kCombiningRuns;  // code << 8 | Canonical_Combining_Class
extern const std::span<const Stride> kLower;             // one code to one code
extern const std::span<const Stride> kFolded;            // to the one that stands for all variants
extern const std::span<const uint32_t> kGraphemeRuns;    // code << 5 | GraphemeKind (graphemes.cpp), by make_grapheme_table.py

}  // namespace yoke::model::text::unicode
