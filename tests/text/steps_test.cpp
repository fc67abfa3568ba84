// The steps of BERT's and XLM-R's line against what tokenizers makes of the same (make_sentencepiece_golden.py).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "model/text/base64.h"
#include "model/text/bert_text.h"
#include "model/text/charsmap.h"
#include "model/text/unicode/graphemes.h"
#include "model/text/unigram.h"
#include "model/text/wordpiece.h"
#include "tests/text/fixtures.h"

namespace yoke::model::text {
namespace {

namespace json = boost::json;

const json::value& steps() {
  static const json::value value = read_json(golden("steps.json"));
  return value;
}

std::vector<std::string> texts() {
  std::vector<std::string> texts;
  for (const json::value& text : steps().at("texts").as_array()) texts.push_back(text_of(text));
  return texts;
}

TEST(Steps, BertsNormalizerWritesWhatTheReferenceWrites) {
  for (const json::value& row : steps().at("bert").as_array()) {
    BertNormalizerParts parts{.clean_text = row.at("clean").as_bool(),
                              .handle_chinese_chars = row.at("chinese").as_bool(),
                              .strip_accents = std::nullopt,
                              .lowercase = row.at("lower").as_bool()};
    if (row.at("strip").is_bool()) parts.strip_accents = row.at("strip").as_bool();
    const auto normalizer = make_bert_normalizer(parts);
    size_t at = 0;
    for (const std::string& text : texts()) EXPECT_EQ(normalizer->apply(text), text_of(row.at("out").as_array()[at++])) << text;
  }
}

TEST(Steps, BertsWordsAreTheReferences) {
  size_t at = 0;
  for (const std::string& text : texts()) {
    Words words;
    make_bert_pretokenizer()->split(text, true, words);
    const std::vector<std::string> found(words.list.begin(), words.list.end());
    EXPECT_EQ(found, json::value_to<std::vector<std::string>>(steps().at("bert_words").as_array()[at++])) << text;
  }
}

TEST(Steps, WordPieceCutsAsTheReferenceDoes) {
  const auto vocabulary = json::value_to<std::vector<std::string>>(steps().at("word_piece").at("vocabulary"));
  WordPieceParts parts;
  for (size_t id = 0; id < vocabulary.size(); ++id) parts.vocabulary.emplace_back(vocabulary[id], static_cast<int32_t>(id));
  parts.max_word_chars = 12;
  const auto model = make_wordpiece(std::move(parts));
  for (const json::value& row : steps().at("word_piece").at("rows").as_array()) {
    std::vector<int32_t> ids;
    model->encode({row.at("word").as_string()}, ids);
    EXPECT_EQ(ids, ids_of(row.at("ids"))) << text_of(row.at("word"));
  }
}

TEST(Steps, AWordPieceVocabularyWithoutItsUnknownTokenIsRefused) {
  EXPECT_THROW(make_wordpiece({.vocabulary = {{"a", 0}}}), Error);
}

TEST(Steps, UnigramFindsTheReferencesBestPath) {
  for (const json::value& model_row : steps().at("unigram").at("models").as_array()) {
    std::vector<std::pair<std::string, double>> vocabulary;
    for (const json::value& piece : steps().at("unigram").at("vocabulary").as_array()) {
      vocabulary.emplace_back(text_of(piece.as_array()[0]), piece.as_array()[1].to_number<double>());
    }
    const bool bytes = model_row.at("bytes").as_bool();
    for (int byte = 0; bytes && byte < 256; ++byte) vocabulary.emplace_back(fmt::format("<0x{:02X}>", byte), -9.0);
    UnigramParts parts{.pieces = {}, .unknown = 0, .byte_fallback = bytes};
    for (const auto& [text, score] : vocabulary) parts.pieces.push_back({text, score});
    const auto model = make_unigram(std::move(parts));
    for (const json::value& row : model_row.at("rows").as_array()) {
      std::vector<int32_t> ids;
      model->encode({row.at("word").as_string()}, ids);
      EXPECT_EQ(ids, ids_of(row.at("ids"))) << text_of(row.at("word"));
    }
  }
}

TEST(Steps, AUnigramModelThatIsInconsistentIsRefused) {
  EXPECT_THROW(make_unigram({.pieces = {{"a", 0}}, .unknown = 1}), Error);
  EXPECT_THROW(make_unigram({.pieces = {{"a", std::numeric_limits<double>::quiet_NaN()}}, .unknown = 0}), Error);
}

TEST(Steps, ACompiledMapIsReadAsTheReferenceReadsIt) {
  const auto normalizer = make_charsmap(*from_base64(steps().at("charsmap").as_string()));
  size_t at = 0;
  for (const std::string& text : texts()) EXPECT_EQ(normalizer->apply(text), text_of(steps().at("mapped").as_array()[at++])) << text;
}

TEST(Steps, ABrokenMapIsRefusedOrHarmless) {
  const std::string whole = *from_base64(steps().at("charsmap").as_string());
  for (size_t bytes = 0; bytes < whole.size(); bytes += 97) EXPECT_THROW(make_charsmap(whole.substr(0, bytes)), Error) << bytes;
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string broken = whole;
    broken[at] = static_cast<char>(broken[at] ^ 0x5A);
    try {
      const auto normalizer = make_charsmap(broken);
      for (const std::string& text : texts()) normalizer->apply(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::bad_file);
    }
  }
}

TEST(Steps, AClusterIsWhatAReaderTakesForOneCharacter) {
  constexpr const char* kClusters[] = {"e\u0301", "\r\n", "\u1100\u1161\u11A8", "\U0001F469\u200D\U0001F467", "\U0001F1E9\U0001F1EA",
                                       "\u0915\u094D\u0937", "\u0600" "a", "a\u0903", "\U0001F44D\U0001F3FD"};
  for (const char* cluster : kClusters) {
    const std::string text = std::string(cluster) + "x";
    EXPECT_EQ(unicode::grapheme_bytes(text, 0), text.size() - 1) << cluster;
  }
  EXPECT_EQ(unicode::grapheme_bytes("\U0001F1E9\U0001F1EA\U0001F1EB", 0), 8u);
  EXPECT_EQ(unicode::grapheme_bytes("\n\u0301", 0), 1u);
}

}  // namespace
}  // namespace yoke::model::text
