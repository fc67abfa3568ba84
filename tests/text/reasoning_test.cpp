// Thinking apart from what is said: by tags that are tokens, by tags that are text, by harmony's channels; with stop strings;
// and the same whatever the pieces.
#include <random>

#include "fixtures.h"
#include "model/text/reasoning/answer.h"
#include "model/text/utf8.h"

namespace yoke::model::text::reasoning {
namespace {

// Tokens made on the fly: a vocabulary of whatever a test says, and a byte for each byte.
class MadeTokenizer : public Tokenizer {
 public:
  explicit MadeTokenizer(const std::vector<std::pair<std::string, bool>>& added = {}) {
    for (int byte = 0; byte < 256; ++byte) tokens_.push_back({std::string(1, static_cast<char>(byte)), false});
    added_ = tokens_.size();
    for (const auto& token : added) tokens_.push_back(token);
  }
  TokenId make(const std::string& bytes) {
    tokens_.push_back({bytes, false});
    return static_cast<TokenId>(tokens_.size() - 1);
  }

  std::vector<TokenId> encode(std::string_view text, AddedTokens match) const override {
    std::vector<TokenId> ids;
    while (!text.empty()) {
      size_t found = 0;
      for (size_t id = added_; id < tokens_.size() && match == AddedTokens::all; ++id) {
        if (text.starts_with(tokens_[id].first)) found = id;
      }
      if (found == 0) found = static_cast<unsigned char>(text[0]);
      ids.push_back(static_cast<TokenId>(found));
      text.remove_prefix(tokens_[found].first.size());
    }
    return ids;
  }
  std::string_view token_bytes(TokenId id) const override { return tokens_.at(static_cast<size_t>(id)).first; }
  bool is_special(TokenId id) const override { return tokens_.at(static_cast<size_t>(id)).second; }
  int64_t vocab_size() const override { return static_cast<int64_t>(tokens_.size()); }
  std::optional<TokenId> bos() const override { return {}; }
  bool adds_bos() const override { return false; }
  const std::vector<TokenId>& end_of_generation() const override { return ends_; }
  std::string special_text(std::string_view) const override { return {}; }

 private:
  std::deque<std::pair<std::string, bool>> tokens_;  // bytes, special
  size_t added_ = 0;
  const std::vector<TokenId> ends_;
};

const std::vector<std::pair<std::string, bool>> kThinkTokens = {{"<think>", false}, {"</think>", false}};
const std::vector<std::pair<std::string, bool>> kMistralTokens = {{"[THINK]", true}, {"[/THINK]", true}};
const std::vector<std::pair<std::string, bool>> kHarmonyTokens = {{"<|start|>", true},  {"<|end|>", true},       {"<|message|>", true},
                                                                  {"<|channel|>", true}, {"<|constrain|>", true}, {"<|return|>", true},
                                                                  {"<|call|>", true}};
constexpr const char* kThinkTemplate = "{{ messages }}<think>";
constexpr const char* kHarmonyTemplate = "<|start|>assistant<|channel|>analysis<|message|>";

struct Said {
  std::string reasoning, content, hidden;
  bool stopped = false;
  bool operator==(const Said&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Said& said) {
  return out << "reasoning '" << said.reasoning << "' content '" << said.content << "' hidden '" << said.hidden << "' stopped "
             << said.stopped;
}

void add(Said& said, const Answer::Step& step) {
  for (const Stretch& stretch : step.stretches) {
    EXPECT_EQ(read_char(stretch.text, 0).state, Utf8Char::State::well_formed) << "begins inside a character";
    switch (stretch.part) {
      case Part::content: said.content += stretch.text; break;
      case Part::reasoning: said.reasoning += stretch.text; break;
      case Part::hidden: said.hidden += stretch.text; break;
    }
  }
  said.stopped = said.stopped || step.stopped;
}

Said say(const Tokenizer& tokenizer, const Format& format, const std::vector<TokenId>& ids, const std::vector<std::string>& stop = {},
         bool marked = false) {
  Answer answer(tokenizer, format, {stop, marked});
  Said said;
  for (const TokenId id : ids) {
    if (!said.stopped) add(said, answer.push(id));
  }
  if (!said.stopped) add(said, answer.finish());
  return said;
}

Said say(const Tokenizer& tokenizer, const char* chat_template, const std::string& prompt, const std::string& text,
         const std::vector<std::string>& stop = {}, bool marked = false) {
  const Format format = find_format(tokenizer, chat_template, tokenizer.encode(prompt, AddedTokens::all));
  return say(tokenizer, format, tokenizer.encode(text, AddedTokens::all), stop, marked);
}

TEST(Reasoning, TagsDivideTheAnswerWhetherTheyAreTokensOrText) {
  for (const auto& added : {kThinkTokens, {}}) {
    const MadeTokenizer tokenizer(added);
    const auto answers = [&](const char* prompt, const char* text) {
      Said said = say(tokenizer, kThinkTemplate, prompt, text);
      said.hidden.clear();
      return said;
    };
    EXPECT_EQ(answers("assistant\n", "<think>\nWhy?\n</think>\n\nBecause."), (Said{"Why?", "Because.", ""}));
    EXPECT_EQ(answers("assistant\n<think>\n", "Why?\n\n so\n</think>\n\nBecause.\n"), (Said{"Why?\n\n so", "Because.\n", ""}));
    EXPECT_EQ(answers("assistant<think>", "<think>Why?</think>Because."), (Said{"Why?", "Because.", ""})) << "opened twice";
    EXPECT_EQ(answers("assistant\n<think>\n\n</think>\n\n", "Because."), (Said{"", "Because.", ""}));
    EXPECT_EQ(answers("assistant</think>", "\n Because."), (Said{"", "\n Because.", ""})) << "no tag of the answer's, nothing dropped";
    EXPECT_EQ(answers("assistant\n", "<think>\n\n</think>\n\nHi"), (Said{"", "Hi", ""}));
    EXPECT_EQ(answers("assistant\n", "Hi <think> there </think>."), (Said{"", "Hi <think> there </think>.", ""})) << "only first";
    EXPECT_EQ(answers("assistant\n", "\n\n<think>a</think>b"), (Said{"a", "b", ""}));
    EXPECT_EQ(answers("assistant\n<think>\n", "cut off \n"), (Said{"cut off \n", "", ""})) << "unclosed: all of it is reasoning";
    EXPECT_EQ(answers("assistant\n<think>", "a</thin"), (Said{"a</thin", "", ""}));
    EXPECT_EQ(answers("assistant\n", " \n"), (Said{"", " \n", ""}));
    EXPECT_EQ(answers("assistant\n", "<thin"), (Said{"", "<thin", ""}));
    EXPECT_EQ(answers("assistant\n", "</think>x"), (Said{"", "</think>x", ""})) << "closes nothing";
    EXPECT_EQ(answers("assistant\n<think>", "a</think>b</think>c"), (Said{"a", "b</think>c", ""}));
  }
}

TEST(Reasoning, AModelWhoseTemplateKnowsNoTagsSeesNoChange) {
  const MadeTokenizer tokenizer(kThinkTokens);
  EXPECT_FALSE(thinks(find_format(tokenizer, "{{ messages }}", {})));
  EXPECT_EQ(say(tokenizer, "{{ messages }}", "", "<think>a</think> b").content, "<think>a</think> b");
  EXPECT_FALSE(thinks(find_format(tokenizer, kHarmonyTemplate, {}))) << "the vocabulary lacks the channels";
}

TEST(Reasoning, ATagSpelledInPiecesIsNoTagWhereTheVocabularyHasOne) {
  const MadeTokenizer tokenizer(kThinkTokens);
  const Format format = find_format(tokenizer, kThinkTemplate, tokenizer.encode("<think>", AddedTokens::all));
  std::vector<TokenId> ids = tokenizer.encode("the tag </think> ends it", AddedTokens::none);
  for (const TokenId id : tokenizer.encode("</think>so", AddedTokens::all)) ids.push_back(id);
  EXPECT_EQ(say(tokenizer, format, ids), (Said{"the tag </think> ends it", "so", "</think>"}));
}

TEST(Reasoning, TagsMayBeSpecialTokens) {
  const MadeTokenizer tokenizer(kMistralTokens);
  constexpr const char* kTemplate = "[SYSTEM_PROMPT][THINK]";
  EXPECT_EQ(say(tokenizer, kTemplate, "[/INST]", "[THINK]a[/THINK]b"), (Said{"a", "b", "[THINK][/THINK]"}));
  EXPECT_EQ(say(tokenizer, kTemplate, "[/INST]", "b[THINK]c"), (Said{"", "bc", "[THINK]"})) << "as every special token there";
  EXPECT_EQ(say(tokenizer, kTemplate, "[/INST]", "[THINK]a[/THINK]b", {}, true).content, "[THINK]a[/THINK]b");
}

TEST(Reasoning, ACharacterThatATagCutsIsReplacedOnItsSide) {
  for (const auto& added : {kThinkTokens, {}}) {
    const MadeTokenizer tokenizer(added);
    Said said = say(tokenizer, kThinkTemplate, "<think>", "a\xE2\x82</think>\xAC" "b\xF0\x9F");
    EXPECT_EQ(said.reasoning, "a\uFFFD");
    EXPECT_EQ(said.content, "\uFFFDb\uFFFD");
  }
}

TEST(Reasoning, HarmonysChannelsDivideTheAnswer) {
  const MadeTokenizer tokenizer(kHarmonyTokens);
  const auto answers = [&](const std::string& text, const std::string& prompt = "<|start|>user<|message|>x<|end|><|start|>assistant") {
    return say(tokenizer, kHarmonyTemplate, prompt, text);
  };
  EXPECT_EQ(answers("<|channel|>analysis<|message|>Why?<|end|><|start|>assistant<|channel|>final<|message|>So. <|return|>"),
            (Said{"Why?", "So. ", ""}));
  EXPECT_EQ(answers("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>analysis<|message|>b<|end|>"),
            (Said{"a\nb", "", ""}));
  EXPECT_EQ(answers("<|channel|>commentary<|message|>I look.<|end|><|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json"
                    "<|message|>{\"a\":1}<|call|>"),
            (Said{"", "I look.\n{\"a\":1}", ""}));
  EXPECT_EQ(answers(" to=functions.f<|channel|>analysis json<|message|>{}<|call|>"), (Said{"", "{}", ""})) << "a call is no thought";
  EXPECT_EQ(answers("<|channel|>final<|message|>a<|channel|>analysis<|message|>b"), (Said{"b", "a", ""}));
  EXPECT_EQ(answers("<|message|>no channel"), (Said{"", "no channel", ""}));
  EXPECT_EQ(answers("<|channel|>analysis"), (Said{"", "", ""})) << "a head is never shown";
  EXPECT_EQ(answers("", "<|start|>assistant<|channel|>analysis<|message|>so far"), (Said{"", "", ""}));
  EXPECT_EQ(answers(" on", "<|start|>assistant<|channel|>analysis<|message|>so far"), (Said{" on", "", ""})) << "it goes on";
}

TEST(Reasoning, WhatDoesNotSpeakHarmonyIsContent) {
  const MadeTokenizer tokenizer(kHarmonyTokens);
  const auto content = [&](const std::string& text) { return say(tokenizer, kHarmonyTemplate, "<|start|>assistant", text).content; };
  EXPECT_EQ(content("Hello"), "Hello");
  EXPECT_EQ(content(" tomorrow"), " tomorrow");
  EXPECT_EQ(content(" to"), " to");
  EXPECT_EQ(content("<|start|>" + std::string(300, 'x')), std::string(300, 'x')) << "too long for a head";
  EXPECT_EQ(content("<|channel|>final<|message|>a<|end|>b"), "a\nb");
}

TEST(Reasoning, StopStringsLookAtTheWholeTextAndAreInNeitherPart) {
  for (const auto& added : {kThinkTokens, {}}) {
    const MadeTokenizer tokenizer(added);
    const auto answers = [&](const char* text, const std::vector<std::string>& stop) {
      Said said = say(tokenizer, kThinkTemplate, "<think>", text, stop);
      said.hidden.clear();
      return said;
    };
    EXPECT_EQ(answers("one STOP two</think>three", {"STOP"}), (Said{"one ", "", "", true}));
    EXPECT_EQ(answers("one</think>two STOP three", {"STOP"}), (Said{"one", "two ", "", true}));
    EXPECT_EQ(answers("one\n</think>two", {"</think>"}), (Said{"one\n", "", "", true}));
    EXPECT_EQ(answers("one</think>two", {"nk>t"}).content, "");
    EXPECT_EQ(answers("one</think>two", {"onetwo"}), (Said{"one", "two", ""})) << "the tag stands between";
  }
}

TEST(Reasoning, NoStopStringReachesAcrossHarmonysMessages) {
  const MadeTokenizer tokenizer(kHarmonyTokens);
  const char* text = "<|channel|>analysis<|message|>fo<|end|><|start|>assistant<|channel|>final<|message|>ob final bar<|return|>";
  EXPECT_EQ(say(tokenizer, kHarmonyTemplate, "<|start|>assistant", text, {"foob", "assistant"}), (Said{"fo", "ob final bar", ""}));
  EXPECT_EQ(say(tokenizer, kHarmonyTemplate, "<|start|>assistant", text, {"final"}), (Said{"fo", "ob ", "", true}));
}

// Bytes at random, with tags and stop strings among them, cut into tokens at random.
class Nasty {
 public:
  explicit Nasty(uint64_t seed) : random_(seed) {}
  size_t below(size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(random_); }

  std::string text() {
    const std::vector<std::string> bits = {"<think>", "</think>", "<", "</think", ">", " ", "\n", "\n\n", "a", "STOP", "ST", "\xE2\x82\xAC",
                                           "\xF0\x9F\x98\x80", "\xE2\x82", "\xFF", "\xC3", "hello ", std::string(70, '\n')};
    std::string text;
    for (size_t n = below(24); n > 0; --n) text += bits[below(bits.size())];
    return text;
  }
  std::vector<TokenId> cut(const std::string& text, MadeTokenizer& tokenizer) {
    std::vector<TokenId> ids;
    for (size_t at = 0; at < text.size();) {
      const size_t bytes = std::min(text.size() - at, 1 + below(9));
      ids.push_back(tokenizer.make(text.substr(at, bytes)));
      at += bytes;
    }
    return ids;
  }

 private:
  std::mt19937_64 random_;
};

TEST(Reasoning, TheResultDoesNotDependOnThePiecesAndNothingIsLost) {
  MadeTokenizer tokenizer;
  Nasty nasty(6);
  for (int round = 0; round < 4000; ++round) {
    const std::string text = nasty.text();
    const std::vector<std::string> stop = nasty.below(2) ? std::vector<std::string>{} : std::vector<std::string>{"STOP", "nk>\n"};
    const Format format = Tags{.open = "<think>", .close = "</think>", .open_id = {}, .close_id = {}, .inside = nasty.below(2) == 0};
    const Said whole = say(tokenizer, format, {tokenizer.make(text)}, stop);
    const Said cut = say(tokenizer, format, nasty.cut(text, tokenizer), stop);
    ASSERT_EQ(cut, whole) << round;
    const Said plain = say(tokenizer, Format(), {tokenizer.make(text)}, stop);
    ASSERT_EQ(plain.stopped, whole.stopped);
    ASSERT_EQ(plain.content.size(), whole.content.size() + whole.reasoning.size() + whole.hidden.size()) << "every byte has a part";
  }
}

TEST(Reasoning, TokensOfALongThoughtCostLinearTime) {
  MadeTokenizer tokenizer;
  const TokenId line = tokenizer.make("\n"), less = tokenizer.make("<");
  const Format format = Tags{.open = "<think>", .close = "</think>", .open_id = {}, .close_id = {}, .inside = true};
  const Said said = say(tokenizer, format, std::vector<TokenId>(200'000, line));
  EXPECT_EQ(said.hidden.size(), 200'000u) << "white space behind the opening tag";
  EXPECT_EQ(say(tokenizer, format, std::vector<TokenId>(200'000, less)).reasoning.size(), 200'000u);
}

}  // namespace
}  // namespace yoke::model::text::reasoning
