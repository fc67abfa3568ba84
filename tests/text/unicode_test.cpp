#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "model/text/unicode/code_set.h"
#include "model/text/unicode/code_table.h"
#include "model/text/unicode/transforms.h"
#include "model/text/utf8.h"

namespace yoke::model::text::unicode {
namespace {

constexpr NormalForm kForms[] = {NormalForm::nfc, NormalForm::nfd, NormalForm::nfkc, NormalForm::nfkd};

std::string text_of(char32_t code) {
  std::string text;
  append_char(text, code);
  return text;
}

size_t size_of(const std::vector<Range>& set) {
  size_t size = 0;
  for (const Range& range : set) size += range.last - range.first + 1;
  return size;
}

TEST(Unicode, NormalFormsEqualUnicodedata) {
  std::stringstream content;
  content << std::ifstream(YOKE_SOURCE_DIR "/tests/golden/text/unicode.json").rdbuf();
  const auto golden = boost::json::parse(content.str());
  EXPECT_EQ(golden.at("unicode").as_string(), kUnicodeVersion);
  for (const auto& row : golden.at("rows").as_array()) {
    for (size_t form = 0; form < 4; ++form) {
      EXPECT_EQ(normalise(row.at(0).as_string(), kForms[form], Age::current), row.at(form + 1).as_string()) << row << " form " << form;
    }
  }
  EXPECT_GE(golden.at("rows").as_array().size(), 300u);
}

class UnicodeOfAge : public testing::TestWithParam<Age> {};

TEST_P(UnicodeOfAge, EveryCharactersNormalFormIsStable) {
  const auto formed = [](std::string_view text, NormalForm form) { return normalise(text, form, GetParam()); };
  for (char32_t code = 0; code < kCodes; ++code) {
    if (code >= 0xD800 && code < 0xE000) continue;
    const std::string text = text_of(code);
    const std::string nfc = formed(text, NormalForm::nfc), nfd = formed(text, NormalForm::nfd);
    ASSERT_EQ(formed(nfd, NormalForm::nfc), nfc) << std::hex << static_cast<uint32_t>(code);
    ASSERT_EQ(formed(nfc, NormalForm::nfd), nfd) << std::hex << static_cast<uint32_t>(code);
    const std::string nfkc = formed(text, NormalForm::nfkc), nfkd = formed(text, NormalForm::nfkd);
    ASSERT_EQ(formed(nfkd, NormalForm::nfkc), nfkc) << std::hex << static_cast<uint32_t>(code);
  }
}

INSTANTIATE_TEST_SUITE_P(Unicode, UnicodeOfAge, testing::Values(Age::current, Age::reference));

TEST(Unicode, TheReferencesNormalFormsLeaveCharactersOfItsFutureAlone) {
  EXPECT_EQ(normalise("\u32FF", NormalForm::nfkc), "\u32FF") << "an era of 2019";
  EXPECT_EQ(normalise("\u32FF", NormalForm::nfkc, Age::current), "\u4EE4\u548C");
  EXPECT_EQ(normalise("\U000105D2\u0307", NormalForm::nfc), "\U000105D2\u0307") << "composed since Unicode 16";
  EXPECT_EQ(normalise("\U000105D2\u0307", NormalForm::nfc, Age::current), "\U000105C9");
  EXPECT_EQ(normalise("a\u1ABF\u0301\u0334", NormalForm::nfd), "a\u1ABF\u0334\u0301") << "a mark of Unicode 13";
}

TEST(Unicode, NormalisationLeavesIllFormedBytesAlone) {
  const std::string broken = "e\xCC\xCC\x81\xFF" "e\xCC\x81\xE2\x82";
  EXPECT_EQ(normalise(broken, NormalForm::nfc), "e\xCC\xCC\x81\xFF\xC3\xA9\xE2\x82");
  EXPECT_EQ(lower("\xFF" "A\xC3"), "\xFF" "a\xC3");
}

TEST(Unicode, AHundredThousandMarksAreSortedInTime) {
  std::string text = "a";
  for (int i = 0; i < 100'000; ++i) text += i % 2 == 0 ? "\u0301" : "\u0323";
  const std::string sorted = normalise(text, NormalForm::nfc);
  EXPECT_EQ(sorted.substr(0, 3), "\u1EA1") << "the dot below joins its letter first";
  EXPECT_EQ(normalise(sorted, NormalForm::nfc), sorted);
}

TEST(Unicode, LowerCaseIsFullAndKnowsNoContext) {
  EXPECT_EQ(lower("ABC \u0130\u0391\u03A3 \u01C5"), "abc i\u0307\u03B1\u03C3 \u01C6");
  EXPECT_EQ(lower("\u1C89\uA7CB\uA7DC\U00010D50"), "\u1C8A\u0264\u019B\U00010D70") << "letters of Unicode 16";
  EXPECT_EQ(lower("\uA7CE\U00016EA0"), "\uA7CF\U00016EBB") << "and of Unicode 17, as the reference has them";
  EXPECT_EQ(lower("\u1E9E\u00DF"), "\u00DF\u00DF");
}

TEST(Unicode, CategoriesAreThoseOfUnicode16) {
  EXPECT_EQ(category('A'), Category::Lu);
  EXPECT_EQ(category(0x10D50), Category::Lu);
  EXPECT_EQ(category(0x1CCF0), Category::Nd);
  EXPECT_EQ(category(0x301), Category::Mn);
  EXPECT_EQ(category(0xD800), Category::Cs);
  EXPECT_EQ(category(0x10FFFF), Category::Cn);
  size_t all = 0;
  for (const char* name : {"L", "M", "N", "P", "S", "Z", "C"}) all += size_of(*property(name));
  EXPECT_EQ(all, kCodes);
}

TEST(Unicode, WhiteSpaceIsThePropertyOfThatName) {
  size_t spaces = 0;
  for (char32_t code = 0; code < kCodes; ++code) spaces += is_white_space(code);
  EXPECT_EQ(spaces, 25u);
  EXPECT_TRUE(is_white_space(0x85) && is_white_space(0x3000));
  EXPECT_FALSE(is_white_space(0x180E) || is_white_space(0x200B) || is_white_space(0x1C));
}

TEST(Unicode, PropertiesAreFoundByAnySpellingOfTheirNames) {
  for (const char* name : {"Lu", "lu", "Uppercase_Letter", "uppercase letter", "gc=Lu"}) {
    ASSERT_TRUE(property(name)) << name;
    EXPECT_EQ(*property(name), *property("Lu")) << name;
  }
  EXPECT_EQ(size_of(*property("Script=Latin")), 1487u);
  EXPECT_EQ(*property("Hani"), *property("Han"));
  EXPECT_EQ(size_of(*property("Any")), kCodes);
  EXPECT_FALSE(property("Klingon"));
  EXPECT_FALSE(property("sc="));
  EXPECT_FALSE(property(""));
}

TEST(Unicode, CaseVariantsAreThoseOfSimpleFolding) {
  EXPECT_EQ(case_variants('s').size(), 3u) << "s, S and U+017F";
  EXPECT_EQ(case_variants('k').size(), 3u) << "k, K and U+212A";
  EXPECT_EQ(case_variants('i').size(), 2u) << "the Turkish letters are no variants";
  EXPECT_EQ(case_variants(0x1E9E).size(), 2u);
  EXPECT_EQ(case_variants('1').size(), 1u);
}

}  // namespace
}  // namespace yoke::model::text::unicode
