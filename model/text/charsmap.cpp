#include "model/text/charsmap.h"

#include <fmt/format.h>

#include "core/error.h"
#include "model/text/unicode/graphemes.h"
#include "model/text/utf8.h"

namespace yoke::model::text {
namespace {

// Of a unit: its label, whether a string ends below it, and how far (by exclusive or) its children are.
constexpr uint32_t kValueBit = uint32_t{1} << 31;
uint32_t label(uint32_t unit) { return unit & (kValueBit | 0xFF); }
bool has_leaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t offset(uint32_t unit) { return (unit >> 10) << ((unit & 0x200) >> 6); }

// Blocks of so many units are never left by a label, so a place in the array is enough for all that it leads to.
constexpr size_t kBlock = 256;

// One character of a text may become so much of it. Unicode's own longest takes 33 bytes (U+FDFA).
constexpr size_t kMaxStringBytes = 256;

[[noreturn]] void refuse(const std::string& what) {
  throw Error{Code::bad_file, "tokenizer: the precompiled character map " + what};
}

uint32_t read_u32(std::string_view bytes) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

void check_strings(std::string_view strings) {
  if (strings.empty() || strings.back() != '\0') refuse("has strings that do not end in a NUL");
  size_t begin = 0;
  for (size_t at = 0; at < strings.size();) {
    const Utf8Char c = read_char(strings, at);
    if (c.state != Utf8Char::State::well_formed) refuse(fmt::format("has strings that are no UTF-8, at byte {}", at));
    if (at - begin > kMaxStringBytes) refuse(fmt::format("has a string of more than {} bytes", kMaxStringBytes));
    if (c.code == 0) begin = at + 1;
    at += c.bytes;
  }
}

void check_units(const std::vector<uint32_t>& units, std::string_view strings) {
  if ((units[0] & kValueBit) != 0) refuse("begins with a value");
  for (size_t at = 0; at < units.size(); ++at) {
    if ((units[at] & kValueBit) != 0) continue;
    const size_t next = at ^ offset(units[at]);
    if (next >= units.size()) {
      refuse(fmt::format("leads from unit {} to unit {}, but it has {} units", at, next, units.size()));
    }
    if (!has_leaf(units[at])) continue;
    const uint32_t value = units[next] & ~kValueBit;
    if (value >= strings.size() || (static_cast<uint8_t>(strings[value]) & 0xC0) == 0x80) {
      refuse(fmt::format("leads from unit {} to string {}, but its strings have {} bytes", at, value, strings.size()));
    }
  }
}

class CharsmapNormalizer : public Normalizer {
 public:
  explicit CharsmapNormalizer(Charsmap map) : map_(std::move(map)) {}

  std::string apply(std::string text) const override {
    std::string out;
    out.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      const size_t bytes = unicode::grapheme_bytes(text, at);
      add_cluster(std::string_view(text).substr(at, bytes), out);
      at += bytes;
    }
    return out;
  }

 private:
  void add_cluster(std::string_view cluster, std::string& out) const {
    constexpr size_t kWholeBytes = 6;  // the reference's bound
    if (cluster.size() < kWholeBytes) {
      if (const Charsmap::Match known = map_.shortest(cluster); known.bytes > 0) {
        out += known.becomes;
        return;
      }
    }
    for (size_t at = 0; at < cluster.size();) {
      const std::string_view one = cluster.substr(at, read_char(cluster, at).bytes);
      const Charsmap::Match known = map_.shortest(one);
      out += known.bytes > 0 ? known.becomes : one;
      at += one.size();
    }
  }

  Charsmap map_;
};

}  // namespace

Charsmap::Charsmap(std::string_view blob) {
  if (blob.size() < 4) refuse(fmt::format("has {} bytes, at least 4 are expected", blob.size()));
  const size_t trie_bytes = read_u32(blob);
  blob.remove_prefix(4);
  if (trie_bytes == 0 || trie_bytes % (kBlock * 4) != 0 || trie_bytes >= blob.size()) {
    refuse(fmt::format("says that its trie has {} bytes, expected a multiple of {} below the {} that follow", trie_bytes,
                       kBlock * 4, blob.size()));
  }
  units_.reserve(trie_bytes / 4);
  for (size_t at = 0; at < trie_bytes; at += 4) units_.push_back(read_u32(blob.substr(at)));
  strings_ = blob.substr(trie_bytes);
  check_strings(strings_);
  check_units(units_, strings_);
}

Charsmap::Match Charsmap::find(std::string_view text, bool shortest) const {
  Match found;
  size_t unit = offset(units_[0]);
  for (size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<uint8_t>(text[at]);
    if (byte == 0) break;
    unit ^= byte;
    if (label(units_[unit]) != byte) break;
    const bool ends = has_leaf(units_[unit]);
    unit ^= offset(units_[unit]);
    if (!ends) continue;
    found = {at + 1, strings_.c_str() + (units_[unit] & ~kValueBit)};
    if (shortest) break;
  }
  return found;
}

std::unique_ptr<Normalizer> make_charsmap(std::string_view blob) { return std::make_unique<CharsmapNormalizer>(Charsmap(blob)); }

}  // namespace yoke::model::text
