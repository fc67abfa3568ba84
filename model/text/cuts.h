// Delimiters in a text, and the words that they leave. The rules are those of the reference's NormalizedString::split.
#pragma once

#include <string_view>
#include <vector>

#include "model/text/regex/pattern.h"
#include "model/text/stages.h"
#include "model/text/utf8.h"
#include "model/text/word_cutters.h"

namespace yoke::model::text {

// A stretch of a text. The stretches of a text follow one another without a gap; some are empty.
struct Stretch {
  size_t begin, end;
  bool delimiter;
};

// Of matches in the order of the text; inverted, what lies between them are the delimiters.
std::vector<Stretch> stretches_of(std::string_view text, const std::vector<Pattern::Match>& matches, bool inverted);

void add_words(std::string_view text, const std::vector<Stretch>& stretches, Delimiters delimiters, Words& words);

// Each character for which `is_delimiter` holds is a delimiter of its own. `text` is well-formed UTF-8.
template <typename IsDelimiter>
void cut_at(std::string_view text, IsDelimiter is_delimiter, Delimiters delimiters, Words& words) {
  std::vector<Pattern::Match> matches;
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = read_char(text, at);
    if (is_delimiter(c.code)) matches.push_back({at, at + c.bytes});
    at += c.bytes;
  }
  add_words(text, stretches_of(text, matches, false), delimiters, words);
}

}  // namespace yoke::model::text
