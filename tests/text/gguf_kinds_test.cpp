// GGUF's kinds of tokenizers beside gpt2, with vocabularies made here.
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/text/fixtures.h"

namespace yoke::model::text {
namespace {

TokenizerAssets bert_assets() {
  TokenizerAssets assets;
  assets.model = "bert";
  assets.tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "\u2581river", "s", "side", "\u2581,", "\u2581cafe", "\u2581水", "[unused0]"};
  assets.token_types = {3, 2, 3, 3, 1, 1, 1, 1, 1, 1, 1};
  assets.bos = 2;
  assets.eos = 3;
  assets.unk = 1;
  assets.pad = 0;
  assets.add_bos = assets.add_eos = true;
  return assets;
}

TEST(GgufKinds, BertsTokensAreWordsAndTheirContinuations) {
  const auto tokenizer = make_tokenizer(bert_assets());
  EXPECT_EQ(tokenizer->encode("Riverside,  CAFÉ水 rivers lake", AddedTokens::none), (std::vector<TokenId>{4, 6, 7, 8, 9, 4, 5, 1}));
  EXPECT_EQ(tokenizer->encode("[SEP] river", AddedTokens::all), (std::vector<TokenId>{3, 4}));
  EXPECT_EQ(tokenizer->encode("[SEP]", AddedTokens::none), (std::vector<TokenId>{1, 1, 1}));
  EXPECT_EQ(tokenizer->decode({4, 6, 7}, true), "riverside ,");
}

TEST(GgufKinds, BertFramesOneTextAndTwo) {
  const auto tokenizer = make_tokenizer(bert_assets());
  EXPECT_EQ(tokenizer->frame({4}).ids, (std::vector<TokenId>{2, 4, 3}));
  const Framed pair = tokenizer->frame_pair({4}, {5, 6});
  EXPECT_EQ(pair.ids, (std::vector<TokenId>{2, 4, 3, 5, 6, 3}));
  EXPECT_EQ(pair.types, (std::vector<int32_t>{0, 0, 0, 1, 1, 1}));
}

TEST(GgufKinds, AVocabularyWithCapitalsKeepsThem) {
  TokenizerAssets assets = bert_assets();
  assets.tokens[8] = "\u2581Café";
  EXPECT_EQ(make_tokenizer(assets)->encode("Café", AddedTokens::none), (std::vector<TokenId>{8}));
}

TokenizerAssets llama_assets() {
  TokenizerAssets assets;
  assets.model = "llama";
  assets.tokens = {"<unk>", "<s>", "</s>", "\u2581", "a", "b", "ab", "\u2581ab", "<|user|>", "\u2581\u2581", "", "a"};
  assets.token_types = {2, 3, 3, 1, 1, 1, 1, 1, 4, 4, 5, 5};
  assets.scores = {0, 0, 0, -9, -9, -9, -1, -2, 0, 0, 0, 0};
  assets.bos = 1;
  assets.eos = 2;
  assets.unk = 0;
  assets.add_bos = assets.add_space_prefix = true;
  return assets;
}

TEST(GgufKinds, LlamasPiecesMergeByScoresAndSymbolsAreTokens) {
  const auto tokenizer = make_tokenizer(llama_assets());
  EXPECT_EQ(tokenizer->encode("ab", AddedTokens::none), (std::vector<TokenId>{7}));
  EXPECT_EQ(tokenizer->encode("<s><|user|>ab  b", AddedTokens::all), (std::vector<TokenId>{1, 8, 7, 9, 5}));
  EXPECT_EQ(tokenizer->encode("<|user|>", AddedTokens::all_but_special), (std::vector<TokenId>{8}));
  for (const TokenId id : tokenizer->encode("<|user|>", AddedTokens::none)) EXPECT_NE(id, 8);
  EXPECT_EQ(tokenizer->encode("xyz", AddedTokens::none), (std::vector<TokenId>{3, 0}));
  EXPECT_EQ(tokenizer->frame({4}).ids, (std::vector<TokenId>{1, 4}));
}

TEST(GgufKinds, LlamaWithoutASpaceInFrontBeginsAsTheTextDoes) {
  TokenizerAssets assets = llama_assets();
  assets.add_space_prefix = false;
  EXPECT_EQ(make_tokenizer(assets)->encode("ab", AddedTokens::none), (std::vector<TokenId>{6}));
}

TEST(GgufKinds, T5TakesTheBestSumOfScores) {
  TokenizerAssets assets = llama_assets();
  assets.model = "t5";
  assets.scores = {0, 0, 0, -2, -1, -1, -3, -9, 0, 0, 0, 0};
  assets.add_bos = false;
  assets.add_eos = true;
  const auto tokenizer = make_tokenizer(assets);
  EXPECT_EQ(tokenizer->encode("ab", AddedTokens::none), (std::vector<TokenId>{3, 4, 5}));
  EXPECT_EQ(tokenizer->frame({4}).ids, (std::vector<TokenId>{4, 2}));
}

void expect_refused(const TokenizerAssets& assets, Code code, const std::string& word) {
  try {
    make_tokenizer(assets);
    ADD_FAILURE() << "not refused: " << word;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
  }
}

TEST(GgufKinds, InconsistentVocabulariesAreRefused) {
  TokenizerAssets assets = llama_assets();
  assets.scores.pop_back();
  expect_refused(assets, Code::bad_file, "scores has 11 entries, expected 12");
  assets = llama_assets();
  assets.token_types[5] = 6;
  expect_refused(assets, Code::bad_file, "of the type byte");
  assets = bert_assets();
  assets.sep = 99;
  expect_refused(assets, Code::bad_file, "sep is token 99");
  assets.model = "rwkv";
  expect_refused(assets, Code::unsupported, "'rwkv'");
}

}  // namespace
}  // namespace yoke::model::text
