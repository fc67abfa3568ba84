// Replaces what a pattern or a string finds, as tokenizer.json's Replace (normalizer and decoder) does. Immutable; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/text/regex/pattern.h"

namespace yoke::model::text {

// The string or the expression that tokenizer.json calls a pattern: what is looked for in a text.
class Finder {
 public:
  static Finder of_string(std::string sought);
  static Finder of_expression(std::string_view source);  // errors are Pattern's

  // All places, leftmost first, not overlapping. `text` is well-formed UTF-8.
  std::vector<Pattern::Match> find_all(std::string_view text) const;

 private:
  std::string sought_;            // where there is no expression
  std::vector<Pattern> pattern_;  // at most one
};

class Replacement {
 public:
  Replacement(Finder sought, std::string content) : sought_(std::move(sought)), content_(std::move(content)) {}
  std::string apply(std::string_view text) const;

 private:
  Finder sought_;
  std::string content_;
};

}  // namespace yoke::model::text
