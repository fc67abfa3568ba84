#include "model/text/regex/ast.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace yoke::model::text::regex {
namespace {

constexpr size_t kMostRanges = 1 << 20;  // 8 MiB

}  // namespace

bool SetTable::Before::operator()(const unicode::CodeSet& a, const unicode::CodeSet& b) const {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](const auto& left, const auto& right) {
    return left.first != right.first ? left.first < right.first : left.last < right.last;
  });
}

uint32_t SetTable::add(const unicode::CodeSet& set) {
  const auto [place, added] = index_.emplace(set, static_cast<uint32_t>(index_.size()));
  if (added) {
    all_.push_back(&place->first);
    ranges_ += set.size();
    if (ranges_ > kMostRanges) {
      throw Error{Code::unsupported, fmt::format("regular expression whose classes have more than {} ranges together", kMostRanges)};
    }
  }
  return place->second;
}

}  // namespace yoke::model::text::regex
