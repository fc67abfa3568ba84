#include "model/text/regex/quantifier.h"

#include <fmt/format.h>

#include <algorithm>

namespace yoke::model::text::regex {
namespace {

std::optional<Quantifier> read_interval(Reader& reader) {
  const size_t begin = reader.place();
  if (!reader.accept("{")) return std::nullopt;
  const auto min = reader.read_number(10, Reader::kMaxBytes);
  const bool is_range = reader.accept(",");
  const auto max = is_range ? reader.read_number(10, Reader::kMaxBytes) : min;
  if ((!min && !max) || !reader.accept("}")) {
    reader.go_back(begin);
    return std::nullopt;
  }
  if (std::max(min.value_or(0), max.value_or(0)) > kMostRepeats) {
    reader.refuse_syntax(fmt::format("a quantifier counts above {}", kMostRepeats));
  }
  Quantifier quantifier{min.value_or(0), max.value_or(Node::kUnbounded)};
  if (quantifier.min > quantifier.max) return Quantifier{quantifier.max, quantifier.min, Node::Greed::possessive};
  if (!reader.accept("?")) return quantifier;
  if (is_range) quantifier.greed = Node::Greed::lazy;
  quantifier.is_optional = !is_range;
  return quantifier;
}

}  // namespace

std::optional<Quantifier> read_quantifier(Reader& reader) {
  Quantifier quantifier;
  if (reader.accept("*")) {
    quantifier = {0, Node::kUnbounded};
  } else if (reader.accept("+")) {
    quantifier = {1, Node::kUnbounded};
  } else if (reader.accept("?")) {
    quantifier = {0, 1};
  } else {
    return read_interval(reader);
  }
  if (reader.accept("?")) {
    quantifier.greed = Node::Greed::lazy;
  } else if (reader.accept("+")) {
    quantifier.greed = Node::Greed::possessive;
  }
  return quantifier;
}

}  // namespace yoke::model::text::regex
