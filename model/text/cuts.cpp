#include "model/text/cuts.h"

namespace yoke::model::text {
namespace {

void add(std::string_view text, size_t begin, size_t end, Words& words) {
  if (end > begin) words.add(text.substr(begin, end - begin));
}

// A delimiter behind an ordinary stretch belongs to it; a delimiter behind another is a word of its own.
void add_merged_with_previous(std::string_view text, const std::vector<Stretch>& stretches, Words& words) {
  for (size_t i = 0; i < stretches.size(); ++i) {
    const bool takes_next = i + 1 < stretches.size() && !stretches[i].delimiter && stretches[i + 1].delimiter;
    add(text, stretches[i].begin, stretches[takes_next ? i + 1 : i].end, words);
    if (takes_next) ++i;
  }
}

// The same, seen from the end.
void add_merged_with_next(std::string_view text, const std::vector<Stretch>& stretches, Words& words) {
  for (size_t i = 0; i < stretches.size(); ++i) {
    const bool takes_next = i + 1 < stretches.size() && stretches[i].delimiter && !stretches[i + 1].delimiter;
    add(text, stretches[i].begin, stretches[takes_next ? i + 1 : i].end, words);
    if (takes_next) ++i;
  }
}

void add_runs(std::string_view text, const std::vector<Stretch>& stretches, Words& words) {
  for (size_t i = 0; i < stretches.size();) {
    size_t last = i;
    while (last + 1 < stretches.size() && stretches[last + 1].delimiter == stretches[i].delimiter) ++last;
    add(text, stretches[i].begin, stretches[last].end, words);
    i = last + 1;
  }
}

}  // namespace

std::vector<Stretch> stretches_of(std::string_view text, const std::vector<Pattern::Match>& matches, bool inverted) {
  std::vector<Stretch> stretches;
  stretches.reserve(matches.size() * 2 + 1);
  size_t done = 0;
  for (const auto& match : matches) {
    if (match.begin != done) stretches.push_back({done, match.begin, inverted});
    stretches.push_back({match.begin, match.end, !inverted});
    done = match.end;
  }
  if (done != text.size()) stretches.push_back({done, text.size(), inverted});
  return stretches;
}

void add_words(std::string_view text, const std::vector<Stretch>& stretches, Delimiters delimiters, Words& words) {
  switch (delimiters) {
    case Delimiters::removed:
      for (const Stretch& stretch : stretches) {
        if (!stretch.delimiter) add(text, stretch.begin, stretch.end, words);
      }
      return;
    case Delimiters::isolated:
      for (const Stretch& stretch : stretches) add(text, stretch.begin, stretch.end, words);
      return;
    case Delimiters::merged_with_previous: return add_merged_with_previous(text, stretches, words);
    case Delimiters::merged_with_next: return add_merged_with_next(text, stretches, words);
    case Delimiters::contiguous: return add_runs(text, stretches, words);
  }
}

}  // namespace yoke::model::text
