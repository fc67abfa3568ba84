#include "model/text/unicode/decompositions.h"

#include <unordered_set>

#include "model/text/unicode/tables.h"

namespace yoke::model::text::unicode {
namespace {

constexpr uint64_t pair_of(char32_t first, char32_t second) { return uint64_t{first} << 32 | second; }

}  // namespace

// The database's mappings, each one step.
struct Decompositions::Steps {
  struct Step {
    bool compatible;
    std::vector<char32_t> to;
  };
  std::unordered_map<char32_t, Step> of;

  Steps() {
    for (size_t i = 0; i < kMappings.size();) {
      const uint32_t head = kMappings[i++], count = head >> 24 & 0x7F;
      of[head & 0xFFFFFF] = {(head >> 31) != 0, {kMappings.begin() + i, kMappings.begin() + i + count}};
      i += count;
    }
    for (const Stride& stride : kSingleMappings) {
      for (char32_t code = stride.first; code <= stride.last; code += stride.step) of[code] = {true, {code + stride.delta}};
    }
  }

  // Appends what `code` becomes in the end. The database's chains are a few steps long.
  void expand(char32_t code, bool compatible, std::vector<char32_t>& out) const {
    const auto step = of.find(code);
    if (step == of.end() || (step->second.compatible && !compatible)) return out.push_back(code);
    for (const char32_t part : step->second.to) expand(part, compatible, out);
  }
};

const Decompositions& Decompositions::all() {
  static const Decompositions made;
  return made;
}

std::unordered_map<uint64_t, char32_t> Decompositions::find_pairs(const Steps& steps) {
  const std::unordered_set<char32_t> excluded(kExclusions.begin(), kExclusions.end());
  std::unordered_map<uint64_t, char32_t> pairs;
  for (const auto& [code, step] : steps.of) {
    if (!step.compatible && step.to.size() == 2 && !excluded.contains(code)) pairs[pair_of(step.to[0], step.to[1])] = code;
  }
  return pairs;
}

CodeTable<uint16_t> Decompositions::expand(const Steps& steps, bool compatible) {
  std::vector<uint16_t> place_of(kCodes);
  for (const auto& [code, step] : steps.of) {
    if (step.compatible && !compatible) continue;
    const auto begin = static_cast<uint32_t>(pool_.size());
    steps.expand(code, compatible, pool_);
    place_of[code] = static_cast<uint16_t>(places_.size());
    places_.push_back({begin, static_cast<uint32_t>(pool_.size() - begin)});
  }
  return CodeTable<uint16_t>(place_of);
}

namespace {

constexpr uint16_t changes(NormalForm form) { return static_cast<uint16_t>(1 << (8 + static_cast<int>(form))); }
constexpr uint16_t kComposing = changes(NormalForm::nfc) | changes(NormalForm::nfkc);
constexpr uint16_t kApart = changes(NormalForm::nfd) | changes(NormalForm::nfkd);

}  // namespace

// Composition gives the character back, and nothing before it can take a part of it.
bool Decompositions::recomposes(char32_t code, const std::vector<uint16_t>& bits) const {
  const auto parts = canonical(code);
  if (parts.empty() || (bits[parts[0]] & kSecond) != 0) return false;
  char32_t whole = parts[0];
  for (const char32_t part : parts.subspan(1)) whole = whole != 0 ? composed(whole, part) : 0;
  return whole == code;
}

uint16_t Decompositions::changes_of(char32_t code, const std::vector<uint16_t>& bits) const {
  const auto parts = canonical(code), further = compatible(code);
  if (further.empty()) return 0;
  uint16_t all = changes(NormalForm::nfkd);
  if (!parts.empty()) all |= changes(NormalForm::nfd);
  const bool comes_back = recomposes(code, bits);
  if (!parts.empty() && !comes_back) all |= changes(NormalForm::nfc);
  if (!comes_back || !std::equal(parts.begin(), parts.end(), further.begin(), further.end())) all |= changes(NormalForm::nfkc);
  return all;
}

CodeTable<uint16_t> Decompositions::find_traits() const {
  std::vector<uint16_t> bits(kCodes);
  for (size_t i = 0; i < kCombiningRuns.size(); ++i) {
    const char32_t end = i + 1 < kCombiningRuns.size() ? kCombiningRuns[i + 1] >> 8 : kCodes;
    for (char32_t code = kCombiningRuns[i] >> 8; code < end; ++code) bits[code] = kCombiningRuns[i] & 0xFF;
  }
  for (const auto& [pair, whole] : composed_) bits[pair & 0xFFFFFFFF] |= kSecond | kComposing;
  for (char32_t i = 0; i < kVowels; ++i) bits[kVowel + i] |= kSecond | kComposing;
  for (char32_t i = 1; i < kTrailings; ++i) bits[kTrailing + i] |= kSecond | kComposing;
  for (char32_t code = kHangulFirst; code < kHangulEnd; ++code) bits[code] |= kApart;
  for (char32_t code = 0; code < kCodes; ++code) bits[code] |= changes_of(code, bits);
  return CodeTable<uint16_t>(bits);
}

char32_t Decompositions::composed(char32_t first, char32_t second) const {
  const auto found = composed_.find(pair_of(first, second));
  return found == composed_.end() ? 0 : found->second;
}

Decompositions::Decompositions() : Decompositions(Steps()) {}

Decompositions::Decompositions(const Steps& steps)
    : composed_(find_pairs(steps)), canonical_(expand(steps, false)), compatible_(expand(steps, true)), traits_(find_traits()) {}

}  // namespace yoke::model::text::unicode
