#include "model/text/bert_text.h"

#include <algorithm>

#include "model/text/unicode/properties.h"
#include "model/text/unicode/transforms.h"
#include "model/text/utf8.h"

namespace yoke::model::text {
namespace {

using unicode::Category;
using unicode::Range;

// Where Unicode 9 and later have marks, punctuation and format characters, and Unicode 8 has none.
constexpr Range kSinceUnicode9[] = {
    {0x5C8, 0x5C9},     {0x61D, 0x61D},     {0x7FD, 0x7FD},     {0x890, 0x8E2},     {0x9FD, 0x9FE},     {0xA76, 0xA76},
    {0xAFA, 0xAFF},     {0xB53, 0xB55},     {0xC04, 0xC3C},     {0xC77, 0xC77},     {0xC84, 0xC84},     {0xD00, 0xD00},
    {0xD3B, 0xD3C},     {0xD81, 0xD81},     {0xEBA, 0xEBA},     {0xECE, 0xECE},     {0x180F, 0x1886},   {0x1ABF, 0x1AF0},
    {0x1B4E, 0x1B4F},   {0x1B7D, 0x1B7F},   {0x1DF6, 0x1DFB},   {0x2E43, 0x2E63},   {0xA82C, 0xA82C},   {0xA8C5, 0xA8C5},
    {0xA8FF, 0xA8FF},   {0xA9BD, 0xA9BD},   {0x10D24, 0x10F89}, {0x11070, 0x11074}, {0x110C2, 0x110CD}, {0x111CF, 0x111CF},
    {0x1123E, 0x11241}, {0x1133B, 0x1133B}, {0x113BB, 0x1145E}, {0x11660, 0x1166C}, {0x116B9, 0x116B9}, {0x1182F, 0x11FFF},
    {0x12FF1, 0x1612F}, {0x16D6D, 0x16F4F}, {0x16FE2, 0x16FE4}, {0x1CF00, 0x1D128}, {0x1D25B, 0x1D25C}, {0x1E000, 0x1E6F5},
    {0x1E944, 0x1E95F}};

// As far as marks, punctuation and format characters go.
Category category_of_unicode_8(char32_t code) {
  if (code == 0x166D || code == 0x111C9) return Category::Po;
  if (code == 0x1734 || code == 0x1171E) return Category::Mn;
  const auto* range = std::lower_bound(std::begin(kSinceUnicode9), std::end(kSinceUnicode9), code,
                                       [](const Range& range, char32_t code) { return range.last < code; });
  if (range != std::end(kSinceUnicode9) && range->first <= code) return Category::Cn;
  return unicode::category(code);
}

bool is_removed(char32_t code) {
  if (code == '\t' || code == '\n' || code == '\r') return false;
  if (code == 0 || code == 0xFFFD) return true;
  if (code < 0x7F) return code < 0x20;
  const Category category = category_of_unicode_8(code);
  return category == Category::Cc || category == Category::Cf || category == Category::Co;
}

bool is_ideograph(char32_t code) {
  constexpr Range kBlocks[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},  {0x20000, 0x2A6DF},
                               {0x2A700, 0x2B81F}, {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};
  if (code < kBlocks[0].first) return false;
  return std::any_of(std::begin(kBlocks), std::end(kBlocks),
                     [&](const Range& block) { return block.first <= code && code <= block.last; });
}

bool is_mark(char32_t code) { return code >= 0x300 && category_of_unicode_8(code) == Category::Mn; }

bool is_punctuation(char32_t code) {
  if (code < 0x80) return code > 0x20 && code < 0x7F && !(code >= '0' && code <= '9') && !((code | 0x20) >= 'a' && (code | 0x20) <= 'z');
  const Category category = category_of_unicode_8(code);
  return category >= Category::Pc && category <= Category::Po;
}

// Calls `write(code, bytes)` for each character.
template <class Write>
void for_each_char(std::string_view text, const Write& write) {
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = read_char(text, at);
    write(c.code, text.substr(at, c.bytes));
    at += c.bytes;
  }
}

class BertNormalizer : public Normalizer {
 public:
  explicit BertNormalizer(BertNormalizerParts parts) : parts_(parts) {}

  std::string apply(std::string text) const override {
    if (parts_.clean_text || parts_.handle_chinese_chars) text = clean(text);
    if (parts_.strip_accents.value_or(parts_.lowercase)) text = strip(text);
    if (parts_.lowercase) text = unicode::lower(text);
    return text;
  }

 private:
  std::string clean(std::string_view text) const {
    std::string out;
    out.reserve(text.size());
    for_each_char(text, [&](char32_t code, std::string_view bytes) {
      if (parts_.clean_text && is_removed(code)) return;
      if (parts_.clean_text && unicode::is_white_space(code)) {
        out += ' ';
      } else if (parts_.handle_chinese_chars && is_ideograph(code)) {
        out.append(" ").append(bytes).append(" ");
      } else {
        out += bytes;
      }
    });
    return out;
  }

  static std::string strip(std::string_view text) {
    const std::string apart = unicode::normalise(text, unicode::NormalForm::nfd);
    std::string out;
    out.reserve(apart.size());
    for_each_char(apart, [&](char32_t code, std::string_view bytes) {
      if (!is_mark(code)) out += bytes;
    });
    return out;
  }

  BertNormalizerParts parts_;
};

class BertPreTokenizer : public PreTokenizer {
 public:
  void split(std::string_view text, bool, Words& words) const override {
    size_t begin = 0;  // of the word that is being read
    for_each_char(text, [&](char32_t code, std::string_view bytes) {
      const bool mark = is_punctuation(code);
      if (!mark && !unicode::is_white_space(code)) return;
      const auto at = static_cast<size_t>(bytes.data() - text.data());
      if (at > begin) words.add(text.substr(begin, at - begin));
      if (mark) words.add(bytes);
      begin = at + bytes.size();
    });
    if (begin < text.size()) words.add(text.substr(begin));
  }
};

}  // namespace

std::unique_ptr<Normalizer> make_bert_normalizer(BertNormalizerParts parts) { return std::make_unique<BertNormalizer>(parts); }

std::unique_ptr<PreTokenizer> make_bert_pretokenizer() { return std::make_unique<BertPreTokenizer>(); }

}  // namespace yoke::model::text
