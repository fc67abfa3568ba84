#include "model/text/unicode/graphemes.h"

#include "model/text/unicode/code_table.h"
#include "model/text/unicode/tables.h"
#include "model/text/utf8.h"

namespace yoke::model::text::unicode {
namespace {

// Grapheme_Cluster_Break; Extend and Other are split where conjuncts (InCB) and pictures need it. The order of the table.
enum class GraphemeKind : uint8_t {
  other, cr, lf, control, extend, conjunct_extend, linker, joiner, regional, prepend, spacing,
  hangul_l, hangul_v, hangul_t, hangul_lv, hangul_lvt, picture, consonant
};
using enum GraphemeKind;

CodeTable<uint8_t> make_table() {
  std::vector<uint8_t> kinds(kCodes);
  for (size_t run = 0; run < kGraphemeRuns.size(); ++run) {
    const char32_t end = run + 1 < kGraphemeRuns.size() ? kGraphemeRuns[run + 1] >> 5 : kCodes;
    for (char32_t code = kGraphemeRuns[run] >> 5; code < end; ++code) kinds[code] = kGraphemeRuns[run] & 31;
  }
  return CodeTable<uint8_t>(kinds);
}

GraphemeKind kind_of(const Utf8Char& c) {
  static const CodeTable<uint8_t> table = make_table();
  return c.state == Utf8Char::State::well_formed ? static_cast<GraphemeKind>(table[c.code]) : control;
}

bool extends(GraphemeKind kind) { return kind == extend || kind == conjunct_extend || kind == linker || kind == joiner; }

bool continues_syllable(GraphemeKind before, GraphemeKind next) {
  if (before == hangul_l) return next == hangul_l || next == hangul_v || next == hangul_lv || next == hangul_lvt;
  if (before == hangul_v || before == hangul_lv) return next == hangul_v || next == hangul_t;
  return (before == hangul_t || before == hangul_lvt) && next == hangul_t;
}

// What has been read of a cluster, as far as the rules look back.
class Cluster {
 public:
  explicit Cluster(GraphemeKind first) { add(first); }

  // Rules GB3 to GB13.
  bool goes_on_with(GraphemeKind next) const {
    if (last_ == cr) return next == lf;
    if (last_ == control || last_ == lf || next == control || next == cr || next == lf) return false;
    if (extends(next) || next == spacing || last_ == prepend || continues_syllable(last_, next)) return true;
    if (next == consonant) return linked_;
    if (next == picture) return last_ == joiner && picture_;
    return next == regional && last_ == regional && regionals_ % 2 == 1;
  }

  void add(GraphemeKind next) {
    if (next == picture || !extends(next)) picture_ = next == picture;
    if (next == consonant) {
      consonant_ = true;
      linked_ = false;
    } else if (next == linker) {
      linked_ = consonant_;
    } else if (next != conjunct_extend && next != joiner) {
      consonant_ = linked_ = false;
    }
    regionals_ = next == regional ? regionals_ + 1 : 0;
    last_ = next;
  }

 private:
  GraphemeKind last_ = other;
  bool picture_ = false;    // a picture, and what extends it
  bool consonant_ = false;  // a consonant, and what may stand between it and the next one
  bool linked_ = false;     // ... with a linker in it
  size_t regionals_ = 0;    // regional indicators at the end
};

}  // namespace

size_t grapheme_bytes(std::string_view text, size_t at) {
  const Utf8Char first = read_char(text, at);
  size_t end = at + first.bytes;
  Cluster cluster(kind_of(first));
  while (end < text.size()) {
    const Utf8Char next = read_char(text, end);
    const GraphemeKind kind = kind_of(next);
    if (!cluster.goes_on_with(kind)) break;
    cluster.add(kind);
    end += next.bytes;
  }
  return end - at;
}

}  // namespace yoke::model::text::unicode
