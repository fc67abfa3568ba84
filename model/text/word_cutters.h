// The steps that cut a text into words, by the names of tokenizer.json (pre_tokenizer).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/text/replacement.h"
#include "model/text/stages.h"

namespace yoke::model::text {

using CutStep = std::unique_ptr<const PreTokenizer>;

// What becomes of the delimiters that a cut finds.
enum class Delimiters { removed, isolated, merged_with_previous, merged_with_next, contiguous };

CutStep make_cut_sequence(std::vector<CutStep> steps);
// `inverted`: what lies between the matches is the delimiter.
CutStep make_split(Finder finder, Delimiters delimiters, bool inverted);
CutStep make_whitespace();        // words and runs of other characters, without white space
CutStep make_whitespace_split();  // what white space leaves
CutStep make_digits(bool individual);
CutStep make_punctuation(Delimiters delimiters);
CutStep make_character_split(char32_t delimiter);
CutStep make_fixed_length(size_t characters);  // at least 1

enum class Prefix { always, first, never };
CutStep make_metaspace(char32_t mark, Prefix prefix, bool cut);

// GPT-2's expression, then the bytes as characters of its alphabet. For a model that reads raw bytes leave these out: `as_bytes`.
struct ByteLevelCut {
  bool space_first = false;
  bool by_expression = true;
  bool as_bytes = false;
};
CutStep make_byte_level_cut(const ByteLevelCut& cut);

}  // namespace yoke::model::text
