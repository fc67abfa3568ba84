#include <algorithm>
#include <cstring>

#include "model/text/unicode/decompositions.h"
#include "model/text/utf8.h"

namespace yoke::model::text::unicode {
namespace {

// The first byte at or behind `at` that is no ASCII.
size_t skip_ascii(std::string_view text, size_t at) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  for (uint64_t eight; at + sizeof eight <= text.size(); at += sizeof eight) {
    std::memcpy(&eight, text.data() + at, sizeof eight);
    if ((eight & kHighBits) != 0) break;
  }
  while (at < text.size() && static_cast<uint8_t>(text[at]) < 0x80) ++at;
  return at;
}

struct Coded {
  char32_t code;
  uint8_t combining_class;
};

// A stretch of text that nothing outside of it acts upon, on its way to a normal form.
class Stretch {
 public:
  Stretch(NormalForm form, const Decompositions& data)
      : data_(data),
        compatible_(form == NormalForm::nfkc || form == NormalForm::nfkd),
        composes_(form == NormalForm::nfc || form == NormalForm::nfkc) {}

  // `text` is well-formed.
  void append_normalised(std::string_view text, std::string& out) {
    codes_.clear();
    for (size_t at = 0; at < text.size();) {
      const Utf8Char c = read_char(text, at);
      decompose(c.code);
      at += c.bytes;
    }
    order();
    if (composes_) compose();
    for (const Coded& each : codes_) append_char(out, each.code);
  }

 private:
  void put(char32_t code) { codes_.push_back({code, data_.traits(code).combining_class()}); }

  void decompose(char32_t code) {
    if (code >= kHangulFirst && code < kHangulEnd) {
      const char32_t index = code - kHangulFirst, trailing = index % kTrailings;
      put(kLeading + index / (kVowels * kTrailings));
      put(kVowel + index / kTrailings % kVowels);
      if (trailing != 0) put(kTrailing + trailing);
      return;
    }
    const auto mapped = compatible_ ? data_.compatible(code) : data_.canonical(code);
    if (mapped.empty()) return put(code);
    for (const char32_t part : mapped) put(part);
  }

  // Canonical order: marks between two starters by their classes, equal ones as they were written.
  void order() {
    const auto is_mark = [](const Coded& each) { return each.combining_class != 0; };
    for (auto begin = codes_.begin(); begin != codes_.end();) {
      begin = std::find_if(begin, codes_.end(), is_mark);
      const auto end = std::find_if_not(begin, codes_.end(), is_mark);
      std::stable_sort(begin, end, [](const Coded& a, const Coded& b) { return a.combining_class < b.combining_class; });
      begin = end;
    }
  }

  char32_t composed(char32_t first, char32_t second) const {
    if (first - kLeading < kLeadings && second - kVowel < kVowels) {
      return kHangulFirst + ((first - kLeading) * kVowels + (second - kVowel)) * kTrailings;
    }
    const bool open_syllable = first >= kHangulFirst && first < kHangulEnd && (first - kHangulFirst) % kTrailings == 0;
    if (open_syllable && second > kTrailing && second < kTrailing + kTrailings) return first + (second - kTrailing);
    return data_.composed(first, second);
  }

  // A character joins the last starter if the two compose and none between has its class or a higher one.
  void compose() {
    size_t kept = 0;
    Coded* starter = nullptr;
    for (size_t i = 0; i < codes_.size(); ++i) {
      const Coded each = codes_[i];
      const bool adjacent = starter != nullptr && starter == &codes_[kept] - 1;
      const bool free = adjacent || (starter != nullptr && codes_[kept - 1].combining_class < each.combining_class);
      if (free && data_.traits(each.code).is_second()) {
        if (const char32_t whole = composed(starter->code, each.code); whole != 0) {
          starter->code = whole;
          continue;
        }
      }
      codes_[kept] = each;
      if (each.combining_class == 0) starter = &codes_[kept];
      ++kept;
    }
    codes_.resize(kept);
  }

  const Decompositions& data_;
  const bool compatible_, composes_;
  std::vector<Coded> codes_;
};

// A starter that the form leaves alone: what is before it and what is behind it do not meet.
bool is_border(Decompositions::Traits traits, NormalForm form) {
  return traits.combining_class() == 0 && !traits.may_change(form);
}

size_t end_of_stretch(std::string_view text, size_t at, NormalForm form, const Decompositions& data) {
  while (at < text.size()) {
    const Utf8Char c = read_char(text, at);
    if (c.state != Utf8Char::State::well_formed || is_border(data.traits(c.code), form)) break;
    at += c.bytes;
  }
  return at;
}

}  // namespace

std::string normalise(std::string_view text, NormalForm form, Age age) {
  size_t at = skip_ascii(text, 0);
  if (at == text.size()) return std::string(text);
  const Decompositions& data = Decompositions::of(age);
  Stretch stretch(form, data);
  std::string out;
  out.reserve(text.size());
  size_t done = 0, border = at > 0 ? at - 1 : 0;  // `text` is written up to `done`; a stretch would begin at `border`
  for (uint8_t last_class = 0; at < text.size();) {
    if (static_cast<uint8_t>(text[at]) < 0x80) {
      at = skip_ascii(text, at);
      border = at - 1;
      last_class = 0;
      continue;
    }
    const Utf8Char c = read_char(text, at);
    if (c.state != Utf8Char::State::well_formed) {
      border = at += c.bytes;
      last_class = 0;
      continue;
    }
    const Decompositions::Traits traits = data.traits(c.code);
    if (!traits.may_change(form) && (traits.combining_class() == 0 || traits.combining_class() >= last_class)) {
      last_class = traits.combining_class();
      if (last_class == 0) border = at;
      at += c.bytes;
      continue;
    }
    const size_t end = end_of_stretch(text, at + c.bytes, form, data);
    out.append(text, done, border - done);
    stretch.append_normalised(text.substr(border, end - border), out);
    done = border = at = end;
    last_class = 0;
  }
  return out.append(text, done);
}

}  // namespace yoke::model::text::unicode
