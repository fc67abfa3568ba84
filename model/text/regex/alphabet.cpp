#include "model/text/regex/alphabet.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/error.h"
#include "model/text/utf8.h"

namespace yoke::model::text::regex {
namespace {

struct Decoded {
  char32_t code;
  size_t bytes;
};

// A character that is no ASCII. Well-formed text has most of them in two or three bytes.
inline Decoded decode(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[at + i]); };
  const auto follows = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const uint8_t lead = byte(0);
  if (lead >= 0xC0 && lead < 0xE0 && at + 1 < text.size() && follows(1)) {
    return {static_cast<char32_t>((lead & 0x1F) << 6 | (byte(1) & 0x3F)), 2};
  }
  if (lead >= 0xE0 && lead < 0xF0 && at + 2 < text.size() && follows(1) && follows(2)) {
    return {static_cast<char32_t>((lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F)), 3};
  }
  const Utf8Char c = read_char(text, at);
  return {c.state == Utf8Char::State::well_formed ? c.code : char32_t{0xFFFD}, c.bytes};
}

}  // namespace

// Cuts the codes into intervals at every border of a set, and splits the classes of the intervals by one set after another.
class Alphabet::Builder {
 public:
  explicit Builder(const SetTable& sets) : sets_(sets.all()) {
    for (const unicode::CodeSet* set : sets_) {
      for (const unicode::Range& range : *set) {
        begins_.push_back(range.first);
        begins_.push_back(range.last + 1);
      }
      if (begins_.size() > 2 * compacted_ + kCompactAbove) compact();
    }
    begins_.push_back(0);
    begins_.push_back(unicode::kCodes);
    compact();
    class_of_.assign(begins_.size() - 1, 0);
    for (const unicode::CodeSet* set : sets_) split(*set);
  }

  std::vector<ClassSet> classes() const {
    std::vector<ClassSet> all;
    for (const unicode::CodeSet* set : sets_) {
      ClassSet& classes = all.emplace_back();
      for_intervals(*set, [&](size_t interval) { classes.set(class_of_[interval]); });
    }
    return all;
  }

  std::vector<uint8_t> values() const {
    std::vector<uint8_t> values(unicode::kCodes);
    for (size_t i = 0; i < class_of_.size(); ++i) {
      std::fill(values.begin() + begins_[i], values.begin() + begins_[i + 1], static_cast<uint8_t>(class_of_[i]));
    }
    return values;
  }

 private:
  static constexpr size_t kMostClasses = 256, kCompactAbove = 1 << 16;

  void compact() {
    std::sort(begins_.begin(), begins_.end());
    begins_.erase(std::unique(begins_.begin(), begins_.end()), begins_.end());
    compacted_ = begins_.size();
  }

  template <typename Use>
  void for_intervals(const unicode::CodeSet& set, Use use) const {
    for (const unicode::Range& range : set) {
      auto interval = std::lower_bound(begins_.begin(), begins_.end(), range.first) - begins_.begin();
      for (; begins_[interval] <= range.last; ++interval) use(static_cast<size_t>(interval));
    }
  }

  // A class with intervals inside of the set and outside becomes two: the part inside gets a new number.
  void split(const unicode::CodeSet& set) {
    std::array<size_t, kMostClasses> inside{};
    for_intervals(set, [&](size_t interval) { ++inside[class_of_[interval]]; });
    std::array<size_t, kMostClasses> all{};
    for (const uint16_t each : class_of_) ++all[each];
    std::array<int, kMostClasses> renamed;
    renamed.fill(-1);
    for (size_t each = 0, before = classes_; each < before; ++each) {
      if (inside[each] == 0 || inside[each] == all[each]) continue;
      if (classes_ == kMostClasses) {
        throw Error{Code::unsupported, fmt::format("regular expression that tells more than {} classes of characters apart; name fewer "
                                                   "single characters in it", kMostClasses)};
      }
      renamed[each] = static_cast<int>(classes_++);
    }
    for_intervals(set, [&](size_t interval) {
      if (const int name = renamed[class_of_[interval]]; name >= 0) class_of_[interval] = static_cast<uint16_t>(name);
    });
  }

  const std::vector<const unicode::CodeSet*>& sets_;
  std::vector<char32_t> begins_;  // of intervals, and kCodes
  std::vector<uint16_t> class_of_;
  size_t classes_ = 1, compacted_ = 0;
};

Alphabet::Alphabet(const SetTable& sets) : Alphabet(Builder(sets)) {}

Alphabet::Alphabet(Builder builder) : classes_(builder.classes()), table_(builder.values()) {
  for (char32_t code = 0; code < ascii_.size(); ++code) ascii_[code] = table_[code];
}

size_t Alphabet::map(std::string_view text, uint8_t* classes, uint8_t* lengths) const {
  size_t at = 0;
  for (; at < text.size() && static_cast<uint8_t>(text[at]) < 0x80; ++at) classes[at] = ascii_[static_cast<uint8_t>(text[at])];
  if (at == text.size()) return at;
  size_t characters = at;
  std::fill(lengths, lengths + at, uint8_t{1});
  while (at < text.size()) {
    const auto byte = static_cast<uint8_t>(text[at]);
    size_t length = 1;
    if (byte < 0x80) {
      classes[characters] = ascii_[byte];
    } else {
      const Decoded c = decode(text, at);
      length = c.bytes;
      classes[characters] = table_[c.code];
    }
    lengths[characters++] = static_cast<uint8_t>(length);
    at += length;
  }
  return characters;
}

}  // namespace yoke::model::text::regex
