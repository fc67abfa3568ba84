#include "model/text/tokenizer.h"

#include "core/error.h"
#include "fixtures.h"
#include "model/text/pretokenizer.h"

namespace yoke::model::text {
namespace {

std::unique_ptr<Tokenizer> tiny() { return make_tokenizer(tiny_assets()); }

std::vector<std::string> spell(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  std::vector<std::string> parts;
  for (const TokenId id : ids) parts.emplace_back(tokenizer.token_bytes(id));
  return parts;
}

std::vector<std::string> words(std::string_view pretokenizer, std::string_view text) {
  std::vector<std::string> parts;
  for (const auto word : Pretokenizer(find_pretokenizer(pretokenizer)).split(text)) parts.emplace_back(word);
  return parts;
}

using Parts = std::vector<std::string>;

TEST(Tokenizer, MergesByRankAndThenFromTheLeft) {
  const auto tokenizer = tiny();
  EXPECT_EQ(spell(*tokenizer, tokenizer->encode("abc", AddedTokens::all)), (Parts{"abc"}));
  EXPECT_EQ(spell(*tokenizer, tokenizer->encode("bcab", AddedTokens::all)), (Parts{"bc", "ab"}));
  EXPECT_EQ(spell(*tokenizer, tokenizer->encode("aaa", AddedTokens::all)), (Parts{"aa", "a"}));
  EXPECT_EQ(spell(*tokenizer, tokenizer->encode("aaaaaaa", AddedTokens::all)), (Parts{"aaaa", "aa", "a"}));
  EXPECT_EQ(spell(*tokenizer, tokenizer->encode("x ab ab", AddedTokens::all)), (Parts{"x", " ab", " ab"}));
}

TEST(Tokenizer, FindsTheLongestSpecialTokenAndOnlyWhereItIsAsked) {
  const auto tokenizer = tiny();
  const std::string text = "a<|end|>!<|end|><think>";
  EXPECT_EQ(spell(*tokenizer, tokenizer->encode(text, AddedTokens::all)), (Parts{"a", "<|end|>!", "<|end|>", "<think>"}));
  for (const TokenId id : tokenizer->encode(text, AddedTokens::none)) {
    EXPECT_LE(tokenizer->token_bytes(id).size(), 2u) << "a special token in ordinary text";
  }
  EXPECT_TRUE(tokenizer->encode("", AddedTokens::all).empty());
}

TEST(Tokenizer, WhatACallerWroteNeverBecomesASpecialTokenAlsoNotTogetherWithTheTemplate) {
  const auto tokenizer = tiny();
  const std::vector<Piece> pieces = {{"<|end|>", false}, {"!a<|end|>a", true}, {"b<|en", false}, {"d|>", true}, {"<think>", false}};
  EXPECT_EQ(spell(*tokenizer, tokenizer->encode_pieces(pieces)),
            (Parts{"<|end|>", "!", "a", "<", "|", "e", "n", "d", "|", ">", "ab", "<", "|", "e", "n", "d", "|", ">", "<think>"}));
}

TEST(Tokenizer, DropsBytesThatTheVocabularyCannotWrite) {
  const auto tokenizer = tiny();
  EXPECT_EQ(spell(*tokenizer, tokenizer->encode("\x04", AddedTokens::all)), (Parts{}));
  EXPECT_EQ(spell(*tokenizer, tokenizer->encode("\x04\x04\x04x", AddedTokens::all)), (Parts{"x"}));
}

TEST(Tokenizer, IllFormedTextIsEncodedByItsBytes) {
  const auto tokenizer = tiny();
  const std::string text = "a\xFF\xE2\x82z\xC3";
  std::string bytes;
  for (const std::string& part : spell(*tokenizer, tokenizer->encode(text, AddedTokens::all))) bytes += part;
  EXPECT_EQ(bytes, text);
}

TEST(Tokenizer, KnowsItsSpecialTokens) {
  const auto tokenizer = tiny();
  const TokenId end = static_cast<TokenId>(tokenizer->vocab_size()) - 3;
  EXPECT_TRUE(tokenizer->is_special(end));
  EXPECT_FALSE(tokenizer->is_special(end + 2)) << "<think> is user-defined: readers want to see it";
  EXPECT_FALSE(tokenizer->is_special(-1));
  EXPECT_EQ(tokenizer->token_bytes(-1), "");
  EXPECT_EQ(tokenizer->token_bytes(static_cast<TokenId>(tokenizer->vocab_size())), "");
  EXPECT_EQ(tokenizer->end_of_generation(), std::vector<TokenId>{end}) << "eos and the name <|end|> are one token";
  EXPECT_EQ(tokenizer->special_text("eos_token"), "<|end|>");
  EXPECT_EQ(tokenizer->special_text("bos_token"), "");
  EXPECT_FALSE(tokenizer->adds_bos());
}

void expect_refused(const TokenizerAssets& assets, Code code, const std::string& word) {
  try {
    make_tokenizer(assets);
    ADD_FAILURE() << "accepted: " << word;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
  }
}

template <typename Change>
TokenizerAssets changed(Change change) {
  TokenizerAssets assets = tiny_assets();
  change(assets);
  return assets;
}

TEST(Tokenizer, InconsistentAssetsAreRefusedWithTheEntry) {
  expect_refused(changed([](auto& a) { a.merges.push_back("a zz"); }), Code::bad_file, "merge 6 ('a zz') needs the token 'zz'");
  expect_refused(changed([](auto& a) { a.merges.push_back("b a"); }), Code::bad_file, "needs the token 'ba'");
  for (const char* bad : {"", " ", "a", "a ", " a", "a b c", "a  b"}) {
    expect_refused(changed([&](auto& a) { a.merges[2] = bad; }), Code::bad_file, "merge 2 is");
  }
  expect_refused(changed([](auto& a) { a.token_types.pop_back(); }), Code::bad_file, "token_type");
  expect_refused(changed([](auto& a) { a.token_types[3] = 9; }), Code::bad_file, "token 3 has type 9");
  expect_refused(changed([](auto& a) { a.eos = 100'000; }), Code::bad_file, "eos is token 100000");
  expect_refused(changed([](auto& a) { a.pad = -2; }), Code::bad_file, "pad is token -2");
  expect_refused(changed([](auto& a) { a.tokens.clear(); }), Code::bad_file, "empty");
  expect_refused(changed([](auto& a) { a.tokens.back().assign(5000, 'x'); }), Code::bad_file, "5000 bytes");
}

TEST(Tokenizer, UnknownKindsAreRefusedByName) {
  expect_refused(changed([](auto& a) { a.model = "rwkv"; }), Code::unsupported, "'rwkv'");
  expect_refused(changed([](auto& a) { a.pre = "klingon"; }), Code::unsupported, "'klingon'");
  expect_refused(changed([](auto& a) { a.add_space_prefix = true; }), Code::unsupported, "add_space_prefix");
}

TEST(Tokenizer, TypesMayBeAbsent) {
  const auto tokenizer = make_tokenizer(changed([](auto& a) { a.token_types.clear(); }));
  EXPECT_EQ(spell(*tokenizer, tokenizer->encode("abc", AddedTokens::all)), (Parts{"abc"}));
}

TEST(Tokenizer, EncodesHostileTextInTime) {
  const auto tokenizer = tiny();
  for (const std::string part : {"a", "<|end|", "ab", " ", "\xF0\x9F\x98\x80", "\xFF"}) {
    std::string text;
    while (text.size() < 300'000) text += part;
    EXPECT_FALSE(tokenizer->encode(text, AddedTokens::all).empty());
  }
}

TEST(Pretokenizer, CutsAsThePublishedPatternsDo) {
  EXPECT_EQ(words("gpt-2", "It's 2024,  ok?\n\n x"), (Parts{"It", "'s", " 2024", ",", " ", " ok", "?", "\n\n", " x"}));
  EXPECT_EQ(words("smollm", "a 12"), (Parts{"a", " ", "1", "2"}));
  EXPECT_EQ(words("llama-bpe", "It'S 20245!\n\nx"), (Parts{"It", "'S", " ", "202", "45", "!\n\n", "x"}));
  EXPECT_EQ(words("qwen2", "20"), (Parts{"2", "0"}));
}

TEST(Pretokenizer, KnowsCharactersYoungerThanPcre2sTables) {
  EXPECT_EQ(words("gpt-2", "a\U0001E4D0\U00010D50").size(), 1u) << "letters of Unicode 15 and 16";
  EXPECT_EQ(words("smollm", "\U0001CCF0\U00011F50").size(), 2u) << "digits of Unicode 16 and 15";
}

TEST(Pretokenizer, WhiteSpaceIsUnicodesWithoutTheMongolianSeparator) {
  EXPECT_EQ(words("gpt-2", "\u180E."), (Parts{"\u180E."}));
  EXPECT_EQ(words("gpt-2", "\u2003."), (Parts{"\u2003", "."}));
  EXPECT_EQ(words("gpt-2", "\u200B."), (Parts{"\u200B."}));
}

TEST(Pretokenizer, EveryPatternOfTheTableSurvivesLongRuns) {
  for (const char* name : {"smollm", "gpt-2", "llama-bpe", "qwen2", "tekken", "gpt-4o", "default"}) {
    const Pretokenizer pretokenizer(find_pretokenizer(name));
    for (const std::string part : {"a", "A", " ", "\n", "1", "'", "\xC3\x9C", "\xE4\xB8\x80", "aB", " \n"}) {
      std::string text, back;
      while (text.size() < 50'000) text += part;
      for (const auto word : pretokenizer.split(text)) back += word;
      EXPECT_EQ(back, text) << name;
    }
  }
}

}  // namespace
}  // namespace yoke::model::text
