// Lower case, and what matches without regard to case.
#include <unordered_map>

#include "model/text/unicode/code_set.h"
#include "model/text/unicode/code_table.h"
#include "model/text/unicode/tables.h"
#include "model/text/unicode/transforms.h"
#include "model/text/utf8.h"

namespace yoke::model::text::unicode {
namespace {

constexpr char32_t kDottedI = 0x130;  // the only character whose lower case is more than one: i and U+0307

// Letters of Unicode 17, which the tables lack and the reference's lower case has.
constexpr Stride kYoungerLower[] = {{0xA7CE, 0xA7CE, 1, 1}, {0xA7D2, 0xA7D4, 2, 1}, {0x16EA0, 0x16EB8, 1, 27}};

CodeTable<int32_t> make_lower_deltas() {
  std::vector<int32_t> deltas(kCodes);
  const auto add = [&](std::span<const Stride> strides) {
    for (const Stride& stride : strides) {
      for (char32_t code = stride.first; code <= stride.last; code += stride.step) deltas[code] = stride.delta;
    }
  };
  add(kLower);
  add(kYoungerLower);
  return CodeTable<int32_t>(deltas);
}

using Orbits = std::unordered_map<char32_t, std::vector<char32_t>>;

// Each character that has variants with all of them.
Orbits make_orbits() {
  Orbits by_folded, orbits;
  for (const Stride& stride : kFolded) {
    for (char32_t code = stride.first; code <= stride.last; code += stride.step) by_folded[code + stride.delta].push_back(code);
  }
  for (auto& [folded, variants] : by_folded) {
    variants.insert(variants.begin(), folded);
    for (const char32_t code : variants) orbits[code] = variants;
  }
  return orbits;
}

const Orbits& all_orbits() {
  static const Orbits orbits = make_orbits();
  return orbits;
}

}  // namespace

std::string lower(std::string_view text) {
  static const CodeTable<int32_t> deltas = make_lower_deltas();
  std::string lowered;
  lowered.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const char byte = text[at];
    if (static_cast<uint8_t>(byte) < 0x80) {
      lowered.push_back(byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + 32) : byte);
      ++at;
      continue;
    }
    const Utf8Char c = read_char(text, at);
    if (c.state != Utf8Char::State::well_formed) {
      lowered.append(text, at, c.bytes);
    } else if (c.code == kDottedI) {
      lowered += "i\u0307";
    } else {
      append_char(lowered, c.code + deltas[c.code]);
    }
    at += c.bytes;
  }
  return lowered;
}

std::vector<char32_t> case_variants(char32_t code) {
  const auto found = all_orbits().find(code);
  return found == all_orbits().end() ? std::vector<char32_t>{code} : found->second;
}

CodeSet with_case_variants(const CodeSet& set) {
  std::vector<Range> ranges = set;
  const auto add = [&](const std::vector<char32_t>& variants) {
    for (const char32_t variant : variants) ranges.push_back({variant, variant});
  };
  size_t codes = 0;
  for (const Range& range : set) codes += range.last - range.first + 1;
  if (codes < all_orbits().size() / 8) {
    for (const Range& range : set) {
      for (char32_t code = range.first; code <= range.last; ++code) add(case_variants(code));
    }
  } else {
    for (const auto& [code, variants] : all_orbits()) {
      if (contains(set, code)) add(variants);
    }
  }
  return make_set(std::move(ranges));
}

}  // namespace yoke::model::text::unicode
