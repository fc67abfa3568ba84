#include "core/clock.h"
#include "fixtures.h"
#include "model/text/detokenizer.h"

namespace yoke::model::text {
namespace {

const boost::json::array& corpus() {
  static const boost::json::value file = read_json(golden("corpus.json"));
  return file.at("strings").as_array();
}

TEST(TokenizerGolden, EveryRowOfTheCorpusHasTheReferencesIds) {
  if (!smollm2()) GTEST_SKIP() << kNoModel;
  const boost::json::value file = read_json(golden("smollm2/encodings.json"));
  size_t rows = 0;
  for (const auto& row : file.at("rows").as_array()) {
    const auto& entry = corpus().at(row.at("i").to_number<size_t>());
    const std::string text = text_of(entry.at("text"));
    const auto& object = row.as_object();
    const auto& plain = object.contains("plain") ? object.at("plain") : object.at("ids");
    const auto& bare = object.contains("bare") ? object.at("bare") : plain;
    EXPECT_EQ(smollm2()->encode(text, AddedTokens::all), ids_of(object.at("ids"))) << entry;
    EXPECT_EQ(smollm2()->encode(text, AddedTokens::none), ids_of(bare)) << entry;
    if (object.contains("bos")) {
      EXPECT_FALSE(smollm2()->adds_bos()) << "the reference adds none either";
    }
    ++rows;
  }
  EXPECT_EQ(rows, corpus().size());
}

std::string decode(const std::vector<TokenId>& ids, bool skip_special) {
  Detokenizer detokenizer(*smollm2(), skip_special);
  std::string text;
  for (const TokenId id : ids) text += detokenizer.push(id);
  return text + detokenizer.finish();
}

TEST(TokenizerGolden, DecodingGivesTheTextBackWhereTheReferenceDoes) {
  if (!smollm2()) GTEST_SKIP() << kNoModel;
  const boost::json::value file = read_json(golden("smollm2/encodings.json"));
  for (const auto& row : file.at("rows").as_array()) {
    const auto& object = row.as_object();
    const std::string text = text_of(corpus().at(row.at("i").to_number<size_t>()).at("text"));
    const std::string kept = object.contains("dec") ? text_of(object.at("dec")) : text;
    const std::string skipped = object.contains("dec_skip") ? text_of(object.at("dec_skip")) : kept;
    EXPECT_EQ(decode(ids_of(object.at("ids")), false), kept) << row;
    EXPECT_EQ(decode(ids_of(object.at("ids")), true), skipped) << row;
    if (object.contains("dec_plain")) {
      EXPECT_EQ(decode(ids_of(object.at("plain")), false), text_of(object.at("dec_plain")));
    }
  }
}

TEST(TokenizerGolden, AStreamSendsAllButTheUnfinishedCharacter) {
  if (!smollm2()) GTEST_SKIP() << kNoModel;
  const boost::json::value file = read_json(golden("smollm2/detokenize.json"));
  for (const auto& example : file.at("cases").as_array()) {
    const auto& object = example.as_object();
    const std::vector<TokenId> ids = ids_of(object.at("ids"));
    const std::string hold = text_of(object.at("hold"));
    Detokenizer detokenizer(*smollm2(), false);
    std::string bytes, sent;
    for (size_t k = 0; k < ids.size(); ++k) {
      bytes += smollm2()->token_bytes(ids[k]);
      ASSERT_EQ(bytes.size(), object.at("ends").as_array().at(k).to_number<size_t>()) << object.at("name");
      sent += detokenizer.push(ids[k]);
      // What has been sent is the reference's text up to what is held: compare where no character is ill-formed.
      if (text_of(object.at("text")) == bytes.substr(0, text_of(object.at("text")).size())) {
        EXPECT_EQ(sent, bytes.substr(0, bytes.size() - (hold[k] - '0'))) << object.at("name") << " after token " << k;
      }
    }
    sent += detokenizer.finish();
    EXPECT_EQ(sent, text_of(object.contains("stream") ? object.at("stream") : object.at("text"))) << object.at("name");
    const auto& skipped = object.contains("text_skip") ? object.at("text_skip") : object.at("text");
    EXPECT_EQ(decode(ids, true), text_of(skipped)) << object.at("name");
  }
}

TEST(TokenizerGolden, SpecialTokensAreWhereTheModelSays) {
  if (!smollm2()) GTEST_SKIP() << kNoModel;
  EXPECT_EQ(smollm2()->vocab_size(), 49152);
  EXPECT_EQ(smollm2()->bos(), 1);
  EXPECT_EQ(smollm2()->end_of_generation(), (std::vector<TokenId>{0, 2}));
  EXPECT_EQ(smollm2()->special_text("eos_token"), "<|im_end|>");
  EXPECT_EQ(smollm2()->special_text("nonsense"), "");
  EXPECT_TRUE(smollm2()->is_special(16));
  EXPECT_FALSE(smollm2()->is_special(17));
}

TEST(TokenizerGolden, AHundredThousandEqualLettersAreFast) {
  if (!smollm2()) GTEST_SKIP() << kNoModel;
  const TimePoint start = system_clock().now();
  for (const char* letter : {"a", " ", "\n", "<", "1", "\xC3\xA9"}) {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += letter;
    EXPECT_EQ(decode(smollm2()->encode(text, AddedTokens::all), false), text);
  }
  EXPECT_LT(seconds(system_clock().now() - start), 60.0) << "generous: sanitizers, on a busy machine";
}

TEST(TokenizerGolden, EncodingSpeedIsPrinted) {
  if (!smollm2()) GTEST_SKIP() << kNoModel;
  std::string text;
  while (text.size() < (4u << 20)) {
    for (const auto& entry : corpus()) {
      if (entry.at("cat") == "english" || entry.at("cat") == "code") text += text_of(entry.at("text")) + "\n";
    }
  }
  const TimePoint start = system_clock().now();
  const size_t tokens = smollm2()->encode(text, AddedTokens::all).size();
  const double took = seconds(system_clock().now() - start);
  std::printf("encoded %.1f MB to %zu tokens at %.1f MB/s\n", text.size() / 1e6, tokens, text.size() / 1e6 / took);
  EXPECT_GT(tokens, 0u);
}

}  // namespace
}  // namespace yoke::model::text
