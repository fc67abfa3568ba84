#include "model/text/regex/pattern.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace yoke::model::text {
namespace {

using Parts = std::vector<std::string>;

Parts matches(std::string_view pattern, std::string_view text) {
  Parts parts;
  for (const auto& [begin, end] : Pattern(pattern).find_all(text)) parts.emplace_back(text.substr(begin, end - begin));
  return parts;
}

std::vector<size_t> begins(std::string_view pattern, std::string_view text) {
  std::vector<size_t> places;
  for (const Pattern::Match& match : Pattern(pattern).find_all(text)) places.push_back(match.begin);
  return places;
}

Code refusal(std::string_view pattern) {
  try {
    const Pattern made(pattern);
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "not refused: " << pattern;
  return Code::internal;
}

TEST(Pattern, MatchesInBytesOfTheText) {
  const std::string text = "\u4E00a\U0001F600b";
  const auto found = Pattern("[a-z]|\U0001F600").find_all(text);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].begin, 3u);
  EXPECT_EQ(found[1].begin, 4u);
  EXPECT_EQ(found[1].end, 8u);
  EXPECT_EQ(found[2].end, text.size());
}

TEST(Pattern, ReadsQuantifiersAsTheReferenceDoes) {
  EXPECT_EQ(matches("a{1,3}+", "aaaaaaab"), (Parts{"aaaaaaa"})) << "a repeat of a repeat, not a possessive one";
  EXPECT_EQ(matches("a{3,1}", "aaaab"), (Parts{"aaa", "a"})) << "possessive";
  EXPECT_EQ(matches("a{,2}", "aaab").front(), "aa");
  EXPECT_EQ(matches("a{1,3}?", "aa"), (Parts{"a", "a"}));
  EXPECT_EQ(matches("a?+a", "aab"), (Parts{"aa"}));
  EXPECT_EQ(matches("a{", "a{"), (Parts{"a{"})) << "no interval";
  EXPECT_EQ(matches("a{1", "a{1"), (Parts{"a{1"}));
  EXPECT_EQ(matches("a++ab|b", "aab"), (Parts{"b"}));
  EXPECT_EQ(matches("(?>a+)ab|b", "aab"), (Parts{"b"}));
}

TEST(Pattern, LinesBeginAndEndAsInTheReference) {
  EXPECT_EQ(begins("^", "a\nb\n"), (std::vector<size_t>{0, 2})) << "not behind the last line feed";
  EXPECT_EQ(begins("$", "a\nb\n"), (std::vector<size_t>{1, 3, 4}));
  EXPECT_EQ(begins("\\Z", "a\n"), (std::vector<size_t>{1, 2}));
  EXPECT_EQ(begins("\\z", "a\n"), (std::vector<size_t>{2}));
  EXPECT_EQ(matches(".+", "a\nb"), (Parts{"a", "b"}));
  EXPECT_EQ(matches("(?m).+", "a\nb"), (Parts{"a\nb"})) << "Oniguruma's m";
  EXPECT_EQ(begins("\\b", "a \u00E9"), (std::vector<size_t>{0, 1, 2, 4}));
}

TEST(Pattern, OptionsHoldToTheEndOfTheirGroup) {
  EXPECT_EQ(matches("a(?i)b|c", "aB aC C"), (Parts{"aB", "aC"})) << "the alternatives are b and c";
  EXPECT_EQ(matches("(?:(?i)a)b", "AB Ab"), (Parts{"Ab"}));
  EXPECT_EQ(matches("(?i-i:A)(?i:b)", "AB aB"), (Parts{"AB"}));
  EXPECT_EQ(matches("(?x) a b # c", "xab"), (Parts{"ab"}));
}

TEST(Pattern, IgnoresCaseByUnicodesFolding) {
  EXPECT_EQ(matches("(?i:'s)", "'s 'S '\u017F"), (Parts{"'s", "'S", "'\u017F"}));
  EXPECT_EQ(matches("(?i)[a-k]", "\u212A\u0130"), (Parts{"\u212A"}));
  EXPECT_EQ(matches("(?i)[^k]", "kK\u212A1"), (Parts{"1"}));
  EXPECT_EQ(matches("(?i)\\p{Lu}", "aA"), (Parts{"A"})) << "a property outside of a class is not folded";
}

TEST(Pattern, ClassesNestAndIntersect) {
  EXPECT_EQ(matches("[[:alpha:]&&[^a-c]]+", "abcdef"), (Parts{"def"}));
  EXPECT_EQ(matches("[^a-c&&b-d]+", "abcdef"), (Parts{"a", "def"}));
  EXPECT_EQ(matches("[]a-]+", "a]-b"), (Parts{"a]-"}));
  EXPECT_EQ(matches("[\\w\\-.]+", "ab-.1 "), (Parts{"ab-.1"}));
  EXPECT_EQ(matches("[\\s\\p{L}]+", "1 a\u4E002"), (Parts{" a\u4E00"}));
  EXPECT_EQ(matches("[&&a]+", "a&"), (Parts{})) << "an empty side leaves nothing";
  EXPECT_EQ(matches("\\xe4\\xb8\\x80", "\u4E00"), (Parts{"\u4E00"})) << "bytes of UTF-8";
  EXPECT_EQ(matches("[\\u4E00-\\x{9FFF}]", "\u4E00"), (Parts{"\u4E00"}));
}

TEST(Pattern, KnowsCharactersYoungerThanPcre2s) {
  EXPECT_EQ(matches("\\p{L}+", "\U0001E4D0\U00010D50"), (Parts{"\U0001E4D0\U00010D50"}));
  EXPECT_EQ(matches("\\s", "\u180E\u0085\u3000"), (Parts{"\u0085", "\u3000"}));
  EXPECT_EQ(matches("\\h+", "xaf0G"), (Parts{"af0"}));
}

TEST(Pattern, LooksAround) {
  EXPECT_EQ(matches("\\s+(?!\\S)|\\s+", "a   b  "), (Parts{"  ", " ", "  "}));
  EXPECT_EQ(begins("(?<=a|bc)d", "ad bcd cd"), (std::vector<size_t>{1, 5}));
  EXPECT_EQ(begins("(?<=a+)b", "aab b"), (std::vector<size_t>{2}));
  EXPECT_EQ(begins("(?=(\\d{3})+(?!\\d))", "1234567"), (std::vector<size_t>{1, 4})) << "empty matches";
}

TEST(Pattern, GivesEmptyMatchesButNotBehindAnother) {
  EXPECT_EQ(begins("b*", "abab"), (std::vector<size_t>{0, 1, 3}));
  EXPECT_EQ(begins("", "ab"), (std::vector<size_t>{0, 1, 2}));
  EXPECT_EQ(begins("(?:)", "\u4E00"), (std::vector<size_t>{0, 3}));
  EXPECT_TRUE(Pattern("a").find_all("").empty());
}

TEST(Pattern, RefusesWhatItDoesNotKnowWithThePlace) {
  for (const char* pattern : {"(a)\\1", "(?<n>a)\\k<n>", "\\g<1>", "a\\Kb", "\\X", "(?(1)a|b)", "(?~ab)", "(*FAIL)", "(?R)",
                              "\\p{Klingon}", "(?<=a*b*)c", "(?C1)", "\\Ga"}) {
    EXPECT_EQ(refusal(pattern), Code::unsupported) << pattern;
  }
  for (const char* pattern : {"(", ")", "[", "[]", "[b-a]", "*a", "a|*", "\\", "(?=a)*", "\\b+", "[[:foo:]]", "a{70000}", "\\p{L",
                              "\\x{110000}", "\\x80", "\xFF", "[a-\\d]"}) {
    EXPECT_EQ(refusal(pattern), Code::bad_file) << pattern;
  }
  try {
    const Pattern made("abc(d)\\2");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("at byte 8"), std::string::npos) << error.what();
  }
}

TEST(Pattern, HasBoundsForHostileSources) {
  const std::string deep(10'000, '('), classes(10'000, '[');
  std::string letters;
  for (int i = 0; i < 300; ++i) letters += fmt::format("\\u{:04X}|", 0x4E00 + i);
  EXPECT_EQ(refusal(deep), Code::bad_file);
  EXPECT_EQ(refusal(classes), Code::bad_file);
  EXPECT_EQ(refusal(letters), Code::unsupported) << "more than 256 classes";
  EXPECT_EQ(refusal("(?:(?:(?:ab){900}){900}){900}"), Code::unsupported);
  EXPECT_EQ(refusal(std::string(100'000, 'a')), Code::bad_file);
  EXPECT_EQ(refusal("a" + std::string(60'000, '+')), Code::bad_file);
  EXPECT_NO_THROW(Pattern("[" + letters + "]"));
}

TEST(Pattern, LongRunsAreNotQuadratic) {
  const std::string tokenizers[] = {
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
      R"(\s+$)", R"(\s*[\r\n]+)", "[A-Z]*[a-z]+|[A-Z]+"};
  for (const std::string& pattern : tokenizers) {
    const Pattern made(pattern);
    for (const std::string part : {"a", "A", " ", "\n", "'", "\u4E00", "\u3000"}) {
      std::string text;
      while (text.size() < 300'000) text += part;
      const auto found = made.find_all(text + "\u00E9");
      if (!found.empty()) {
        EXPECT_LE(found.back().end, text.size() + 2);
      }
    }
  }
  EXPECT_EQ(Pattern(tokenizers[0]).find_all(std::string(1'000'000, ' ') + "x").size(), 2u);
}

TEST(Pattern, BacktrackingWithoutEndIsEnded) {
  const std::string text = std::string(50'000, 'a') + "!b";
  for (const char* pattern : {"(a+)+$", "(?:a|aa)+b", "(a*)*b", "a*a*a*c?b!", "(?:[ab]|[ac])*d"}) {
    EXPECT_LE(Pattern(pattern).find_all(text).size(), text.size()) << pattern;
  }
}

}  // namespace
}  // namespace yoke::model::text
