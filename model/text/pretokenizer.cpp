#define PCRE2_CODE_UNIT_WIDTH 8
#include "model/text/pretokenizer.h"

#include <fmt/format.h>
#include <pcre2.h>

#include "core/error.h"
#include "model/text/unicode_additions.h"
#include "model/text/utf8.h"

namespace yoke::model::text {
namespace {

// Backtracking of the known patterns is linear in a word; these stop what a new row might do. Kibibytes for the heap.
constexpr uint32_t kMatchLimit = 50'000'000, kDepthLimit = 1'000'000, kHeapLimitKib = 64 << 10;

// White_Space of the Unicode Character Database. PCRE2's own \s has U+180E as well, which lost the property in Unicode 6.3.
constexpr std::string_view kWhiteSpace =
    R"(\x09-\x0D\x20\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";

// Writes \s, \S and \p{...} out as classes, so that the result does not depend on the tables of the machine's PCRE2.
std::string with_pinned_classes(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c != '\\') {
      if (c == '[') in_class = true;
      if (c == ']') in_class = false;
      out.push_back(c);
      continue;
    }
    std::string inside;
    const char kind = pattern[++i];
    if (kind == 's' || kind == 'S') {
      inside = kWhiteSpace;
    } else if (kind == 'p') {
      const size_t close = pattern.find('}', i);
      const std::string_view category = pattern.substr(i + 2, close - i - 2);
      inside = fmt::format("\\p{{{}}}{}", category, unicode_additions(category));
      i = close;
    } else {
      out += {'\\', kind};
      continue;
    }
    YOKE_ASSERT(!(in_class && kind == 'S'));
    out += in_class ? inside : fmt::format("[{}{}]", kind == 'S' ? "^" : "", inside);
  }
  return out;
}

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct FreeMatch {
  void operator()(pcre2_match_data* match) const { pcre2_match_data_free(match); }
};

std::unique_ptr<pcre2_code, FreeCode> compile(std::string_view pattern) {
  const std::string pinned = with_pinned_classes(pattern);
  int error = 0;
  PCRE2_SIZE offset = 0;
  std::unique_ptr<pcre2_code, FreeCode> code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pinned.data()), pinned.size(),
                                                           PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr));
  YOKE_ASSERT(code != nullptr);  // the patterns are ours
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);  // where PCRE2 has none for this machine, it interprets
  return code;
}

}  // namespace

struct Pretokenizer::Pattern {
  explicit Pattern(std::string_view pattern) : code(compile(pattern)), limits(pcre2_match_context_create(nullptr)) {
    pcre2_set_match_limit(limits.get(), kMatchLimit);
    pcre2_set_depth_limit(limits.get(), kDepthLimit);
    pcre2_set_heap_limit(limits.get(), kHeapLimitKib);
  }

  // Appends the pieces of `text`, well-formed UTF-8. What a limit keeps from being matched stays one piece.
  void cut(std::string_view text, pcre2_match_data* match, std::vector<std::string_view>& pieces) const {
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    size_t at = 0;
    while (at < text.size()) {
      int found = pcre2_match(code.get(), subject, text.size(), at, PCRE2_NO_UTF_CHECK, match, limits.get());
      if (found == PCRE2_ERROR_JIT_STACKLIMIT) {
        found = pcre2_match(code.get(), subject, text.size(), at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, match, limits.get());
      }
      const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match);
      if (found < 0 || bounds[1] <= at) break;
      if (bounds[0] > at) pieces.push_back(text.substr(at, bounds[0] - at));
      pieces.push_back(text.substr(bounds[0], bounds[1] - bounds[0]));
      at = bounds[1];
    }
    if (at < text.size()) pieces.push_back(text.substr(at));
  }

  std::unique_ptr<pcre2_code, FreeCode> code;
  std::unique_ptr<pcre2_match_context, FreeContext> limits;
};

Pretokenizer::Pretokenizer(const PretokenizerRow& row) {
  for (const std::string_view pattern : row.patterns) patterns_.push_back(std::make_unique<const Pattern>(pattern));
}

Pretokenizer::~Pretokenizer() = default;

void Pretokenizer::split_well_formed(std::string_view text, std::vector<std::string_view>& words) const {
  const std::unique_ptr<pcre2_match_data, FreeMatch> match(pcre2_match_data_create(1, nullptr));
  std::vector<std::string_view> pieces = {text}, cut;
  for (const auto& pattern : patterns_) {
    cut.clear();
    for (const std::string_view piece : pieces) pattern->cut(piece, match.get(), cut);
    pieces.swap(cut);
  }
  words.insert(words.end(), pieces.begin(), pieces.end());
}

std::vector<std::string_view> Pretokenizer::split(std::string_view text) const {
  std::vector<std::string_view> words;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = read_char(text, at);
    if (c.state != Utf8Char::State::well_formed) {
      if (at > begin) split_well_formed(text.substr(begin, at - begin), words);
      words.push_back(text.substr(at, c.bytes));
      begin = at + c.bytes;
    }
    at += c.bytes;
  }
  if (text.size() > begin) split_well_formed(text.substr(begin), words);
  return words;
}

}  // namespace yoke::model::text
