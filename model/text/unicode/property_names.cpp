// The names by which patterns call sets of characters.
#include <algorithm>
#include <initializer_list>
#include <string>

#include "model/text/unicode/code_set.h"
#include "model/text/unicode/code_table.h"
#include "model/text/unicode/tables.h"

namespace yoke::model::text::unicode {
namespace {

using enum Category;

// A name and the categories that it stands for, a bit each; "Cn" and with it "C" hold what is not assigned.
struct CategoryName {
  std::string_view name, long_name;
  uint32_t bits;
};

constexpr uint32_t bits(std::initializer_list<Category> categories) {
  uint32_t all = 0;
  for (const Category each : categories) all |= uint32_t{1} << static_cast<int>(each);
  return all;
}

constexpr CategoryName kCategoryNames[] = {
    {"l", "letter", bits({Lu, Ll, Lt, Lm, Lo})},
    {"lc", "casedletter", bits({Lu, Ll, Lt})},
    {"l&", "casedletter", bits({Lu, Ll, Lt})},
    {"lu", "uppercaseletter", bits({Lu})},
    {"ll", "lowercaseletter", bits({Ll})},
    {"lt", "titlecaseletter", bits({Lt})},
    {"lm", "modifierletter", bits({Lm})},
    {"lo", "otherletter", bits({Lo})},
    {"m", "mark", bits({Mn, Mc, Me})},
    {"m", "combiningmark", bits({Mn, Mc, Me})},
    {"mn", "nonspacingmark", bits({Mn})},
    {"mc", "spacingmark", bits({Mc})},
    {"me", "enclosingmark", bits({Me})},
    {"n", "number", bits({Nd, Nl, No})},
    {"nd", "decimalnumber", bits({Nd})},
    {"digit", "digit", bits({Nd})},
    {"nl", "letternumber", bits({Nl})},
    {"no", "othernumber", bits({No})},
    {"p", "punctuation", bits({Pc, Pd, Ps, Pe, Pi, Pf, Po})},
    {"pc", "connectorpunctuation", bits({Pc})},
    {"pd", "dashpunctuation", bits({Pd})},
    {"ps", "openpunctuation", bits({Ps})},
    {"pe", "closepunctuation", bits({Pe})},
    {"pi", "initialpunctuation", bits({Pi})},
    {"pf", "finalpunctuation", bits({Pf})},
    {"po", "otherpunctuation", bits({Po})},
    {"s", "symbol", bits({Sm, Sc, Sk, So})},
    {"sm", "mathsymbol", bits({Sm})},
    {"sc", "currencysymbol", bits({Sc})},
    {"sk", "modifiersymbol", bits({Sk})},
    {"so", "othersymbol", bits({So})},
    {"z", "separator", bits({Zs, Zl, Zp})},
    {"zs", "spaceseparator", bits({Zs})},
    {"zl", "lineseparator", bits({Zl})},
    {"zp", "paragraphseparator", bits({Zp})},
    {"c", "other", bits({Cc, Cf, Cs, Co, Cn})},
    {"cc", "control", bits({Cc})},
    {"cntrl", "cntrl", bits({Cc})},
    {"cf", "format", bits({Cf})},
    {"cs", "surrogate", bits({Cs})},
    {"co", "privateuse", bits({Co})},
    {"cn", "unassigned", bits({Cn})},
};

// What Unicode derives from categories and one more property, and what POSIX names become by UTS 18 (annex C), as Oniguruma
// has them: `plus` and `minus` are properties of the tables or other rows, empty for none.
struct Derived {
  std::string_view name;
  uint32_t bits;
  std::string_view plus, minus;
};

constexpr uint32_t kLetters = bits({Lu, Ll, Lt, Lm, Lo}), kMarks = bits({Mn, Mc, Me}),
                   kUnseen = bits({Cc, Cs, Cn}), kPunctuation = bits({Pc, Pd, Ps, Pe, Pi, Pf, Po});

constexpr Derived kDerived[] = {
    {"alphabetic", kLetters | bits({Nl}), "otheralphabetic", {}},
    {"alpha", kLetters | bits({Nl}), "otheralphabetic", {}},
    {"uppercase", bits({Lu}), "otheruppercase", {}},
    {"upper", bits({Lu}), "otheruppercase", {}},
    {"lowercase", bits({Ll}), "otherlowercase", {}},
    {"lower", bits({Ll}), "otherlowercase", {}},
    {"math", bits({Sm}), "othermath", {}},
    {"alnum", bits({Nd}), "alphabetic", {}},
    {"word", kMarks | bits({Nd, Pc}), "alphabetic", {}},
    {"blank", bits({Zs}), "tab", {}},
    {"space", 0, "whitespace", {}},
    {"xdigit", 0, "asciihexdigit", {}},
    {"graph", ~kUnseen, {}, "whitespace"},
    {"print", ~(kUnseen | bits({Zl, Zp})), {}, {}},
    {"punct", kPunctuation, {}, {}},
    {"posixpunct", kPunctuation | bits({Sm, Sc, Sk, So}), {}, {}},  // [:punct:]
    {"assigned", ~bits({Cn}), {}, {}},
};

CodeSet of_categories(uint32_t wanted) {
  std::vector<Range> ranges;
  for (size_t i = 0; i < kCategoryRuns.size(); ++i) {
    if ((wanted >> (kCategoryRuns[i] & 31) & 1) == 0) continue;
    ranges.push_back({kCategoryRuns[i] >> 5, (i + 1 < kCategoryRuns.size() ? kCategoryRuns[i + 1] >> 5 : kCodes) - 1});
  }
  return make_set(std::move(ranges));
}

std::optional<CodeSet> plain(std::string_view name) {
  if (name == "any") return CodeSet{{0, kCodes - 1}};
  if (name == "ascii") return CodeSet{{0, 0x7F}};
  if (name == "tab") return CodeSet{{9, 9}};
  for (const PropertyRow& row : kPropertyRows) {
    if (row.name != name) continue;
    const auto ranges = kPropertyRanges.subspan(row.begin, row.count);
    return CodeSet(ranges.begin(), ranges.end());
  }
  return std::nullopt;
}

std::optional<CodeSet> of_category(std::string_view name) {
  for (const CategoryName& row : kCategoryNames) {
    if (row.name == name || row.long_name == name) return of_categories(row.bits);
  }
  return std::nullopt;
}

std::optional<CodeSet> derived(std::string_view name) {
  for (const Derived& row : kDerived) {
    if (row.name != name) continue;
    CodeSet set = of_categories(row.bits);
    if (!row.plus.empty()) set = unite(set, *property(row.plus));
    if (!row.minus.empty()) set = intersect(set, complement(*property(row.minus)));
    return set;
  }
  return std::nullopt;
}

bool is_one_of(std::string_view names, std::string_view name) {  // names: "latn|latin"
  for (size_t begin = 0; begin <= names.size();) {
    const size_t end = std::min(names.find('|', begin), names.size());
    if (names.substr(begin, end - begin) == name) return true;
    begin = end + 1;
  }
  return false;
}

std::optional<CodeSet> of_script(std::string_view name) {
  for (uint32_t script = 0; script < kScriptNames.size(); ++script) {
    if (!is_one_of(kScriptNames[script], name)) continue;
    std::vector<Range> ranges;
    for (size_t i = 0; i < kScriptRuns.size(); ++i) {
      if ((kScriptRuns[i] & 0xFF) != script) continue;
      ranges.push_back({kScriptRuns[i] >> 8, (i + 1 < kScriptRuns.size() ? kScriptRuns[i + 1] >> 8 : kCodes) - 1});
    }
    return make_set(std::move(ranges));
  }
  return std::nullopt;
}

std::string fold_name(std::string_view name) {
  std::string folded;
  for (const char c : name) {
    if (c == ' ' || c == '-' || c == '_') continue;
    folded.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  }
  return folded;
}

using Finder = std::optional<CodeSet> (*)(std::string_view);

std::optional<CodeSet> any_of(std::initializer_list<Finder> finders, std::string_view name) {
  for (const Finder find : finders) {
    if (auto set = find(name)) return set;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::vector<Range>> property(std::string_view name) {
  const std::string folded = fold_name(name);
  const size_t equals = folded.find('=');
  if (equals == std::string::npos) return any_of({of_category, derived, plain, of_script}, folded);
  const std::string_view kind = std::string_view(folded).substr(0, equals), value = std::string_view(folded).substr(equals + 1);
  if (kind == "script" || kind == "sc") return of_script(value);
  if (kind == "generalcategory" || kind == "gc") return of_category(value);
  return std::nullopt;
}

}  // namespace yoke::model::text::unicode
