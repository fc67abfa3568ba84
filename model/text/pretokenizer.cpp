#include "model/text/pretokenizer.h"

#include "model/text/utf8.h"

namespace yoke::model::text {
namespace {

// Appends the matches in `text` and what lies between; an empty match cuts.
void cut(std::string_view text, const std::vector<Pattern::Match>& matches, std::vector<std::string_view>& pieces) {
  size_t done = 0;
  const auto add_up_to = [&](size_t end) {
    if (end > done) pieces.push_back(text.substr(done, end - done));
    done = end;
  };
  for (const Pattern::Match& match : matches) {
    add_up_to(match.begin);
    add_up_to(match.end);
  }
  add_up_to(text.size());
}

}  // namespace

Pretokenizer::Pretokenizer(const PretokenizerRow& row) {
  for (const std::string_view pattern : row.patterns) patterns_.emplace_back(pattern);
}

void Pretokenizer::split_well_formed(std::string_view text, std::vector<std::string_view>& words) const {
  std::vector<std::string_view> pieces = {text}, smaller;
  std::vector<Pattern::Match> matches;
  for (const Pattern& pattern : patterns_) {
    smaller.clear();
    for (const std::string_view piece : pieces) {
      matches.clear();
      pattern.find_all(piece, matches);
      cut(piece, matches, smaller);
    }
    pieces.swap(smaller);
  }
  words.insert(words.end(), pieces.begin(), pieces.end());
}

std::vector<std::string_view> Pretokenizer::split(std::string_view text) const {
  std::vector<std::string_view> words;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    if (static_cast<uint8_t>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const Utf8Char c = read_char(text, at);
    if (c.state != Utf8Char::State::well_formed) {
      if (at > begin) split_well_formed(text.substr(begin, at - begin), words);
      words.push_back(text.substr(at, c.bytes));
      begin = at + c.bytes;
    }
    at += c.bytes;
  }
  if (text.size() > begin) split_well_formed(text.substr(begin), words);
  return words;
}

}  // namespace yoke::model::text
