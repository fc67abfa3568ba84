// A regular expression as a tree, with the sets of characters that it names. Values; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "model/text/unicode/code_set.h"

namespace yoke::model::text::regex {

struct Node {
  enum class Kind {
    set,                  // one character of sets[index]
    sequence,             // of parts, in their order; none matches the empty text
    choice,               // the first of the parts that leads to a match
    repeat,               // of parts[0], min to max times
    atomic,               // parts[0], whose first match is kept
    look,                 // parts[0] matches behind (or before) this place, or does not
    line_begin,           // at the text's begin, and behind a line feed that is not its last character
    line_end,             // at the text's end, and before a line feed
    text_begin,
    text_end,
    text_end_or_newline,  // at the end, and before a line feed that is the last character
    word_border,          // between a character of \w and one that is none
    no_word_border,
  };
  enum class Greed { greedy, lazy, possessive };

  static constexpr uint32_t kUnbounded = UINT32_MAX;

  Kind kind = Kind::sequence;
  uint32_t set = 0;
  uint32_t min = 0, max = 0;
  Greed greed = Greed::greedy;
  bool ahead = true, negative = false;  // of a look
  std::vector<Node> parts;
};

// The distinct sets of an expression in the order of their first appearance.
class SetTable {
 public:
  SetTable() = default;
  SetTable(SetTable&&) = default;  // a map's keys stay where they are

  // Bounded: Error{unsupported} above some number of ranges.
  uint32_t add(const unicode::CodeSet& set);
  const std::vector<const unicode::CodeSet*>& all() const { return all_; }

 private:
  struct Before {
    bool operator()(const unicode::CodeSet& a, const unicode::CodeSet& b) const;
  };

  std::map<unicode::CodeSet, uint32_t, Before> index_;
  std::vector<const unicode::CodeSet*> all_;  // the keys of index_
  size_t ranges_ = 0;
};

struct Expression {
  Node root;
  SetTable sets;
  uint32_t newline = 0, word = 0;  // sets that borders need, where there are any: {U+000A} and \w
};

}  // namespace yoke::model::text::regex
