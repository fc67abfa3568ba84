// What normal forms need to know of a character, in tables made at first use from tables.h. Immutable; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "model/text/unicode/code_table.h"
#include "model/text/unicode/transforms.h"

namespace yoke::model::text::unicode {

// Hangul syllables are leading consonant * 588 + vowel * 28 + trailing consonant (Unicode 3.12).
inline constexpr char32_t kHangulFirst = 0xAC00, kHangulEnd = 0xD7A4;
inline constexpr char32_t kLeading = 0x1100, kVowel = 0x1161, kTrailing = 0x11A7;  // a trailing consonant 0 is none
inline constexpr char32_t kLeadings = 19, kVowels = 21, kTrailings = 28;

class Decompositions {
 public:
  static const Decompositions& of(Age age);

  // One character's share in normal forms.
  struct Traits {
    uint16_t bits;
    uint8_t combining_class() const { return static_cast<uint8_t>(bits & 0xFF); }
    // Text may change here under `form`: the character has a mapping, or may become part of the one before it.
    bool may_change(NormalForm form) const { return (bits >> (8 + static_cast<int>(form)) & 1) != 0; }
    bool is_second() const { return (bits & kSecond) != 0; }  // of a pair that composes
  };
  Traits traits(char32_t code) const { return {traits_[code]}; }

  // The character's full decomposition, not yet in canonical order; empty for itself, and for Hangul syllables.
  std::span<const char32_t> canonical(char32_t code) const { return mapping(canonical_[code]); }
  std::span<const char32_t> compatible(char32_t code) const { return mapping(compatible_[code]); }
  // What a pair composes to; 0 for nothing. Not Hangul.
  char32_t composed(char32_t first, char32_t second) const;

 private:
  static constexpr uint16_t kSecond = 1 << 12;
  struct Steps;
  struct Place {
    uint32_t begin, count;
  };

  explicit Decompositions(Age age);
  Decompositions(const Steps& steps, Age age);
  std::span<const char32_t> mapping(uint16_t place) const {
    return std::span(pool_).subspan(places_[place].begin, places_[place].count);
  }
  static std::unordered_map<uint64_t, char32_t> find_pairs(const Steps& steps);
  CodeTable<uint16_t> expand(const Steps& steps, bool compatible);
  bool recomposes(char32_t code, const std::vector<uint16_t>& bits) const;
  uint16_t changes_of(char32_t code, const std::vector<uint16_t>& bits) const;
  CodeTable<uint16_t> find_traits(Age age) const;

  std::vector<char32_t> pool_;
  std::vector<Place> places_ = {{0, 0}};
  std::unordered_map<uint64_t, char32_t> composed_;  // first << 32 | second
  CodeTable<uint16_t> canonical_, compatible_, traits_;
};

}  // namespace yoke::model::text::unicode
