// What stands behind an atom and says how often it may come: * + ? {n} {n,} {,m} {n,m}, lazy or possessive. One thread.
#pragma once

#include <cstdint>
#include <optional>

#include "model/text/regex/ast.h"
#include "model/text/regex/reader.h"

namespace yoke::model::text::regex {

inline constexpr uint32_t kMostRepeats = 65535;  // PCRE2's own limit

struct Quantifier {
  uint32_t min, max;
  Node::Greed greed = Node::Greed::greedy;
  bool is_optional = false;  // {n}? is not lazy: the whole may be left out
};

// None where no quantifier is next; what is no interval behind '{' is text.
std::optional<Quantifier> read_quantifier(Reader& reader);

}  // namespace yoke::model::text::regex
