#include "model/text/unicode/properties.h"

#include "model/text/unicode/code_set.h"
#include "model/text/unicode/code_table.h"
#include "model/text/unicode/tables.h"

namespace yoke::model::text::unicode {

const std::string_view kUnicodeVersion = "16.0.0";

namespace {

constexpr uint8_t kWhiteBit = 1 << 5;  // above the category

CodeTable<uint8_t> make_categories() {
  std::vector<uint8_t> values(kCodes);
  for (size_t i = 0; i < kCategoryRuns.size(); ++i) {
    const char32_t end = i + 1 < kCategoryRuns.size() ? kCategoryRuns[i + 1] >> 5 : kCodes;
    for (char32_t code = kCategoryRuns[i] >> 5; code < end; ++code) values[code] = kCategoryRuns[i] & 31;
  }
  for (const PropertyRow& row : kPropertyRows) {
    if (row.name != "whitespace") continue;
    for (const Range& range : kPropertyRanges.subspan(row.begin, row.count)) {
      for (char32_t code = range.first; code <= range.last; ++code) values[code] |= kWhiteBit;
    }
  }
  return CodeTable<uint8_t>(values);
}

const CodeTable<uint8_t>& categories() {
  static const CodeTable<uint8_t> table = make_categories();
  return table;
}

}  // namespace

Category category(char32_t code) {
  return code < kCodes ? static_cast<Category>(categories()[code] & 31) : Category::Cn;
}

bool is_white_space(char32_t code) { return code < kCodes && (categories()[code] & kWhiteBit) != 0; }

}  // namespace yoke::model::text::unicode
