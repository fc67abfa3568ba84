#include "model/text/unicode/code_set.h"

#include <algorithm>

#include "model/text/unicode/code_table.h"

namespace yoke::model::text::unicode {

CodeSet make_set(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
  CodeSet set;
  for (const Range& range : ranges) {
    if (!set.empty() && range.first <= set.back().last + 1) {
      set.back().last = std::max(set.back().last, range.last);
    } else {
      set.push_back(range);
    }
  }
  return set;
}

CodeSet complement(const CodeSet& set) {
  CodeSet rest;
  char32_t next = 0;
  for (const Range& range : set) {
    if (range.first > next) rest.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next < kCodes) rest.push_back({next, kCodes - 1});
  return rest;
}

CodeSet unite(const CodeSet& a, const CodeSet& b) {
  std::vector<Range> both = a;
  both.insert(both.end(), b.begin(), b.end());
  return make_set(std::move(both));
}

CodeSet intersect(const CodeSet& a, const CodeSet& b) {
  CodeSet common;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const char32_t first = std::max(a[i].first, b[j].first), last = std::min(a[i].last, b[j].last);
    if (first <= last) common.push_back({first, last});
    a[i].last < b[j].last ? ++i : ++j;
  }
  return common;
}

bool contains(const CodeSet& set, char32_t code) {
  const auto behind = std::upper_bound(set.begin(), set.end(), code, [](char32_t c, const Range& range) { return c < range.first; });
  return behind != set.begin() && code <= std::prev(behind)->last;
}

}  // namespace yoke::model::text::unicode
