// A small value for every code point, found in two steps: which block of 256 codes, and which place in it. Equal blocks are kept
// once, so that a property takes some ten KiB. Immutable; any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace yoke::model::text::unicode {

inline constexpr char32_t kCodes = 0x110000;  // code points of Unicode

template <typename T>
class CodeTable {
 public:
  // One value for each of kCodes.
  explicit CodeTable(const std::vector<T>& values) {
    std::unordered_map<std::string, uint16_t> known;
    for (size_t begin = 0; begin < values.size(); begin += kBlock) {
      const std::string content(reinterpret_cast<const char*>(&values[begin]), kBlock * sizeof(T));
      const auto [place, added] = known.emplace(content, static_cast<uint16_t>(known.size()));
      block_of_.push_back(place->second);
      if (added) values_.insert(values_.end(), values.begin() + begin, values.begin() + begin + kBlock);
    }
  }

  // `code` < kCodes.
  T operator[](char32_t code) const { return values_[size_t{block_of_[code / kBlock]} * kBlock + code % kBlock]; }

 private:
  static constexpr size_t kBlock = 256;

  std::vector<uint16_t> block_of_;
  std::vector<T> values_;
};

}  // namespace yoke::model::text::unicode
