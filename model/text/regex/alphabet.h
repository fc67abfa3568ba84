// The characters of Unicode by what an expression can tell apart: two of a class are in the same of its sets. There are few
// classes, so that a text becomes one byte a character and every set a map of 256 bits, whatever Unicode has in it. Immutable;
// any thread.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>
#include <vector>

#include "model/text/regex/ast.h"
#include "model/text/unicode/code_table.h"

namespace yoke::model::text::regex {

using ClassSet = std::bitset<256>;

class Alphabet {
 public:
  // Error{unsupported} where there are more than 256 classes.
  explicit Alphabet(const SetTable& sets);

  const ClassSet& classes_of(uint32_t set) const { return classes_[set]; }
  uint8_t class_of(char32_t code) const { return table_[code]; }

  // Writes a text's classes to `classes`, which has room for one a byte, and how many bytes each character has to `lengths`, which
  // has as much. Returns the characters' number; `lengths` is left alone where that is the bytes' number.
  size_t map(std::string_view text, uint8_t* classes, uint8_t* lengths) const;

 private:
  class Builder;
  explicit Alphabet(Builder builder);

  std::vector<ClassSet> classes_;
  unicode::CodeTable<uint8_t> table_;
  std::array<uint8_t, 128> ascii_;
};

}  // namespace yoke::model::text::regex
