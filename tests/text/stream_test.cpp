// The two ends of a stream of tokens: whole characters out, stop strings found.
#include "fixtures.h"
#include "model/text/detokenizer.h"
#include "model/text/stop_matcher.h"
#include "model/text/utf8.h"

namespace yoke::model::text {
namespace {

// Each byte of `bytes` as a token of its own, as the tiny vocabulary has them.
std::vector<std::string> stream(const std::string& bytes, bool skip_special = false, const std::string& special = "") {
  const auto tokenizer = make_tokenizer(tiny_assets());
  Detokenizer detokenizer(*tokenizer, skip_special);
  std::vector<std::string> sent;
  const auto push = [&](std::string_view text, AddedTokens match) {
    for (const TokenId id : tokenizer->encode(text, match)) sent.push_back(detokenizer.push(id));
  };
  for (const char byte : bytes) push(std::string_view(&byte, 1), AddedTokens::none);
  push(special, AddedTokens::all);
  sent.push_back(detokenizer.finish());
  return sent;
}

using Parts = std::vector<std::string>;
const std::string kBad(kReplacementCharacter);

TEST(Detokenizer, NeverSendsHalfACharacter) {
  EXPECT_EQ(stream("\xE2\x82\xAC!"), (Parts{"", "", "\xE2\x82\xAC", "!", ""}));
  EXPECT_EQ(stream("\xF0\x9F\x98\x80"), (Parts{"", "", "", "\xF0\x9F\x98\x80", ""}));
}

TEST(Detokenizer, IllFormedBytesBecomeOneReplacementEachMaximalSubpart) {
  EXPECT_EQ(stream("\xFF"), (Parts{kBad, ""}));
  EXPECT_EQ(stream("\xE2\x82"), (Parts{"", "", kBad}));
  EXPECT_EQ(stream("\xF0\x9F\x98x"), (Parts{"", "", "", kBad + "x", ""}));
  EXPECT_EQ(stream("\xED\xA0\x80"), (Parts{"", kBad + kBad, kBad, ""})) << "a surrogate: its second byte fits no sequence";
  EXPECT_EQ(stream("\xC0\xAF"), (Parts{kBad, kBad, ""})) << "overlong";
  EXPECT_EQ(stream("\xF4\x90"), (Parts{"", kBad + kBad, ""})) << "above U+10FFFF";
}

TEST(Detokenizer, SkipsSpecialTokensOnlyIfAsked) {
  EXPECT_EQ(stream("a", false, "<|end|><think>"), (Parts{"a", "<|end|>", "<think>", ""}));
  EXPECT_EQ(stream("a", true, "<|end|><think>"), (Parts{"a", "", "<think>", ""}));
  EXPECT_EQ(stream("\xE2\x82", false, "<|end|>"), (Parts{"", "", kBad + "<|end|>", ""}));
}

struct Streamed {
  std::string text;
  bool stopped = false;
  size_t which = 0;
};

Streamed match(const std::vector<std::string>& stops, const Parts& pieces) {
  StopMatcher matcher(stops);
  Streamed streamed;
  for (const std::string& piece : pieces) {
    const StopMatcher::Result result = matcher.push(piece);
    streamed.text += result.text;
    if (result.stopped) return {streamed.text, true, result.which};
  }
  streamed.text += matcher.finish();
  return streamed;
}

TEST(StopMatcher, FindsAStopStringAcrossPieces) {
  const Streamed streamed = match({"###", "STOP"}, {"one ", "S", "TO", "P two"});
  EXPECT_TRUE(streamed.stopped);
  EXPECT_EQ(streamed.text, "one ");
  EXPECT_EQ(streamed.which, 1u);
}

TEST(StopMatcher, HoldsBackOnlyWhatMayStillBecomeOne) {
  StopMatcher matcher({"abab!"});
  EXPECT_EQ(matcher.push("xab").text, "x");
  EXPECT_EQ(matcher.push("ab").text, "");
  EXPECT_EQ(matcher.push("ab").text, "ab");
  EXPECT_EQ(matcher.push("c").text, "ababc");
  EXPECT_EQ(matcher.push("ab").text, "");
  EXPECT_EQ(matcher.finish(), "ab");
  EXPECT_EQ(matcher.finish(), "");
}

TEST(StopMatcher, TheFirstToBeCompleteWinsAndOfThoseTheLongest) {
  EXPECT_EQ(match({"abcd", "bc"}, {"xabcd"}).text, "xa");
  EXPECT_EQ(match({"c", "abc"}, {"xabc"}).text, "x");
  EXPECT_EQ(match({"c", "abc"}, {"xabc"}).which, 1u);
}

TEST(StopMatcher, TheResultDoesNotDependOnThePieces) {
  const std::string text = "aabaabaaabaab<end>tail";
  for (const auto& stops : std::vector<std::vector<std::string>>{{"aabaaab"}, {"<end>", "ab<"}, {"nothing"}, {""}, {}}) {
    const Streamed whole = match(stops, {text});
    for (size_t cut = 0; cut <= text.size(); ++cut) {
      const Streamed parts = match(stops, {text.substr(0, cut), text.substr(cut)});
      EXPECT_EQ(parts.text, whole.text) << cut;
      EXPECT_EQ(parts.stopped, whole.stopped) << cut;
    }
  }
}

TEST(StopMatcher, AnEmptyStopStringMatchesNothing) {
  const Streamed streamed = match({""}, {"a", "b"});
  EXPECT_FALSE(streamed.stopped);
  EXPECT_EQ(streamed.text, "ab");
}

TEST(StopMatcher, LongRepetitiveStopStringsTakeLinearTime) {
  const std::string stop = std::string(100'000, 'a') + "b";
  StopMatcher matcher({stop});
  std::string sent;
  for (int i = 0; i < 30; ++i) sent += matcher.push(std::string(10'000, 'a')).text;
  sent += matcher.finish();
  EXPECT_EQ(sent.size(), 300'000u);
}

}  // namespace
}  // namespace yoke::model::text
