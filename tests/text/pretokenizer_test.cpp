#include "model/text/pretokenizer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "core/error.h"

namespace yoke::model::text {
namespace {

using Parts = std::vector<std::string>;

Parts words(std::string_view name, std::string_view text) {
  Parts parts;
  for (const auto word : Pretokenizer(find_pretokenizer(name)).split(text)) parts.emplace_back(word);
  return parts;
}

TEST(PretokenizerRows, HaveDifferentNamesAndExpressionsThatThisBuildReads) {
  std::set<std::string_view> names;
  for (const PretokenizerRow& row : all_pretokenizers()) {
    for (const std::string_view name : row.names) EXPECT_TRUE(names.insert(name).second) << name << " stands twice";
    EXPECT_NO_THROW(Pretokenizer{row}) << row.names.front();
  }
  EXPECT_GE(names.size(), 80u);
}

TEST(PretokenizerRows, LoseNothingOfATextAndEndInTime) {
  for (const PretokenizerRow& row : all_pretokenizers()) {
    const Pretokenizer pretokenizer(row);
    for (const std::string part : {"a", "A", " ", "\n", "1", "'", "\u00DC", "\u4E00", "aB", " \n", "\u0301", "\xFF", "a 1,\u3002"}) {
      std::string text, back;
      while (text.size() < 20'000) text += part;
      for (const auto word : pretokenizer.split(text)) back += word;
      EXPECT_EQ(back, text) << row.names.front();
    }
  }
}

TEST(PretokenizerRows, CutAsTheModelsWereTaught) {
  EXPECT_EQ(words("phi-2", "It's 12"), (Parts{"It", "'s", " 12"}));
  EXPECT_EQ(words("starcoder", "a 12"), (Parts{"a", " ", "1", "2"}));
  EXPECT_EQ(words("deepseek-v3", "a1234 \u4E00\u3042b.c"), (Parts{"a", "123", "4", " ", "\u4E00\u3042", "b", ".c"}));
  EXPECT_EQ(words("deepseek-llm", "Hi there\r\n12  "), (Parts{"Hi", " there", "\r", "\n", "1", "2", "  "}));
  EXPECT_EQ(words("kimi-k2", "ab\u4E00\u4E00C"), (Parts{"ab", "\u4E00\u4E00", "C"}));
  EXPECT_EQ(words("superbpe", "a1234567"), (Parts{"a", "1", "234", "567"}));
  EXPECT_EQ(words("tiny_aya", "1234567"), (Parts{"1", "234", "567"}));
  EXPECT_EQ(words("qwen35", "e\u0301a"), (Parts{"e\u0301a"}));
  EXPECT_EQ(words("qwen2", "e\u0301a").size(), 2u);
  EXPECT_EQ(words("bloom", "a, b"), (Parts{"a", ",", " b"}));
}

TEST(PretokenizerRows, AnUnknownNameIsRefusedWithTheKnownOnes) {
  try {
    find_pretokenizer("klingon");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::unsupported);
    EXPECT_NE(std::string(error.what()).find("llama-bpe"), std::string::npos) << error.what();
  }
}

struct Published {
  const char *folder, *name;
};

class PublishedTokenizer : public testing::TestWithParam<Published> {};

TEST_P(PublishedTokenizer, SaysWhatTheRowSays) {
  const char* shared = std::getenv("YOKE_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "the published tokenizers are not here: YOKE_SHARED says where";
  std::stringstream content;
  content << std::ifstream(fmt::format("{}/reference/tokenizers/{}/tokenizer.json", shared, GetParam().folder)).rdbuf();
  const auto tokenizer = boost::json::parse(content.str());
  const PretokenizerRow& row = find_pretokenizer(GetParam().name);
  EXPECT_EQ(std::string_view(tokenizer.at_pointer("/pre_tokenizer/pretokenizers/0/pattern/Regex").as_string()), row.patterns.at(0));
  EXPECT_EQ(tokenizer.at_pointer("/model/ignore_merges").as_bool(), row.whole_words_first);
  EXPECT_EQ(tokenizer.at("normalizer").is_object(), row.normal_form.has_value());
}

INSTANTIATE_TEST_SUITE_P(Families, PublishedTokenizer,
                         testing::Values(Published{"llama3", "llama-bpe"}, Published{"qwen3", "qwen2"}, Published{"gptoss", "gpt-4o"},
                                         Published{"mistral_nemo", "tekken"}),
                         [](const auto& test) { return std::string(test.param.folder); });

}  // namespace
}  // namespace yoke::model::text
