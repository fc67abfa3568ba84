#include "model/text/unicode/decompositions.h"

#include <unordered_set>

#include "model/text/unicode/tables.h"

namespace yoke::model::text::unicode {
namespace {

constexpr uint64_t pair_of(char32_t first, char32_t second) { return uint64_t{first} << 32 | second; }

// Characters with mappings or combining classes that the reference's library does not know, with what needs neither between them:
// found by asking it for each character's NFD and NFKD, and for each mark's place beside others.
constexpr Range kUnknownToReference[] = {
    {0x7fd, 0x7fd},     {0x897, 0x8d3},     {0x9fe, 0x9fe},     {0xc3c, 0xc3c},     {0xd3b, 0xd3c},     {0xeba, 0xeba},
    {0x1715, 0x1715},   {0x1abf, 0x1ace},   {0x1df6, 0x1dfa},   {0x32ff, 0x32ff},   {0xa7f2, 0xa7f4},   {0xa82c, 0xa82c},
    {0xab69, 0xab69},   {0x105c9, 0x107ba}, {0x10d24, 0x10f85}, {0x11070, 0x11070}, {0x1133b, 0x1133b}, {0x11383, 0x113d0},
    {0x1145e, 0x1145e}, {0x11839, 0x11a99}, {0x11d42, 0x1612f}, {0x16d68, 0x16ff1}, {0x1ccd6, 0x1ccf9}, {0x1e030, 0x1e5ef},
    {0x1f16c, 0x1f16c}, {0x1fbf0, 0x1fbf9},
};

bool is_known(char32_t code, Age age) {
  if (age == Age::current) return true;
  for (const Range& range : kUnknownToReference) {
    if (code >= range.first && code <= range.last) return false;
  }
  return true;
}

}  // namespace

// The database's mappings, each one step.
struct Decompositions::Steps {
  struct Step {
    bool compatible;
    std::vector<char32_t> to;
  };
  std::unordered_map<char32_t, Step> of;

  explicit Steps(Age age) {
    for (size_t i = 0; i < kMappings.size();) {
      const uint32_t head = kMappings[i++], count = head >> 24 & 0x7F;
      const char32_t code = head & 0xFFFFFF;
      if (is_known(code, age)) of[code] = {(head >> 31) != 0, {kMappings.begin() + i, kMappings.begin() + i + count}};
      i += count;
    }
    for (const Stride& stride : kSingleMappings) {
      for (char32_t code = stride.first; code <= stride.last; code += stride.step) {
        if (is_known(code, age)) of[code] = {true, {code + stride.delta}};
      }
    }
  }

  // Appends what `code` becomes in the end. The database's chains are a few steps long.
  void expand(char32_t code, bool compatible, std::vector<char32_t>& out) const {
    const auto step = of.find(code);
    if (step == of.end() || (step->second.compatible && !compatible)) return out.push_back(code);
    for (const char32_t part : step->second.to) expand(part, compatible, out);
  }
};

const Decompositions& Decompositions::of(Age age) {
  static const Decompositions current(Age::current), reference(Age::reference);
  return age == Age::current ? current : reference;
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

CodeTable<uint16_t> Decompositions::find_traits(Age age) const {
  std::vector<uint16_t> bits(kCodes);
  for (size_t i = 0; i < kCombiningRuns.size(); ++i) {
    const char32_t end = i + 1 < kCombiningRuns.size() ? kCombiningRuns[i + 1] >> 8 : kCodes;
    const uint16_t combining_class = kCombiningRuns[i] & 0xFF;
    if (combining_class == 0) continue;
    for (char32_t code = kCombiningRuns[i] >> 8; code < end; ++code) bits[code] = is_known(code, age) ? combining_class : 0;
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

Decompositions::Decompositions(Age age) : Decompositions(Steps(age), age) {}

Decompositions::Decompositions(const Steps& steps, Age age)
    : composed_(find_pairs(steps)),
      canonical_(expand(steps, false)),
      compatible_(expand(steps, true)),
      traits_(find_traits(age)) {}

}  // namespace yoke::model::text::unicode
