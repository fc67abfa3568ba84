// Thinking models through the chat endpoint: reasoning_content apart from content, whole and streamed; usage; logprobs.
#include <gtest/gtest.h>

#include "tests/coordinator/api_endpoint.h"

namespace yoke::coordinator::api {
namespace {

namespace json = boost::json;
using fakes::ByteTokenizer;
using fakes::Endpoint;

// Harmony's tokens beside the bytes: special, as gpt-oss has them.
class HarmonyTokenizer : public ByteTokenizer {
 public:
  static constexpr const char* kNames[] = {"<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|return|>"};
  static constexpr TokenId kFirst = 259, kReturn = 263;

  std::vector<TokenId> encode(std::string_view text, model::text::AddedTokens match) const override {
    std::vector<TokenId> ids;
    while (!text.empty()) {
      const TokenId id = match == model::text::AddedTokens::all ? mark_at(text) : -1;
      ids.push_back(id < 0 ? static_cast<unsigned char>(text[0]) : id);
      text.remove_prefix(token_bytes(ids.back()).size());
    }
    return ids;
  }
  std::string_view token_bytes(TokenId id) const override { return id < kFirst ? ByteTokenizer::token_bytes(id) : kNames[id - kFirst]; }
  int64_t vocab_size() const override { return kReturn + 1; }
  const std::vector<TokenId>& end_of_generation() const override { return ends_; }

 private:
  static TokenId mark_at(std::string_view text) {
    for (TokenId i = 0; i <= kReturn - kFirst; ++i) {
      if (text.starts_with(kNames[i])) return kFirst + i;
    }
    return -1;
  }
  const std::vector<TokenId> ends_ = {kReturn};
};

// One token is white space and a word.
class WordTokenizer : public ByteTokenizer {
 public:
  static constexpr TokenId kSpacedWord = 259;
  std::string_view token_bytes(TokenId id) const override { return id == kSpacedWord ? "\n\nword" : ByteTokenizer::token_bytes(id); }
  bool is_special(TokenId id) const override { return id != kSpacedWord && ByteTokenizer::is_special(id); }
};

constexpr const char* kThink = "{% for m in messages %}{{ m['content'] }}{% endfor %}<|im_start|>assistant\n";
constexpr const char* kHarmony = "{% for m in messages %}<|start|>user<|message|>{{ m['content'] }}<|end|>{% endfor %}<|start|>assistant"
                                 "{# <|channel|> #}";

// A model that thinks between tags which are ordinary text; with `opened` the template has opened them.
struct ThinkingEndpoint : Endpoint {
  explicit ThinkingEndpoint(bool opened = true) {
    use(std::string(kThink) + (opened ? "<think>\n" : "{# <think> #}"));
  }
  void use(const std::string& source) { model.chat_templates["default"] = make_template(source); }
  void use_harmony() {
    model.tokenizer = std::make_unique<HarmonyTokenizer>();
    model.config.vocab = model.tokenizer->vocab_size();
    use(kHarmony);
  }
  // Every stream says these tokens, as the model's vocabulary spells them.
  void always_say_tokens(const std::string& text, FinishReason reason = FinishReason::stop) {
    service.on_generate = [=, this](const GenerateRequest&, fakes::ScriptedStream& stream) {
      for (const TokenId id : model.tokenizer->encode(text, model::text::AddedTokens::all)) {
        stream.push(TokenEvent{.token = id, .logprob = -0.5f, .top = {}});
      }
      stream.end(reason);
    };
  }
};

struct Answered {
  std::string reasoning, content, finish_reason;
  json::array tokens, ids;  // logprobs.content; token_ids
  json::object usage;
};

void add_logprobs(const json::value& logprobs, Answered& answered) {
  if (!logprobs.is_object()) return;
  for (const json::value& token : logprobs.at("content").as_array()) answered.tokens.push_back(token);
}

Answered whole(Endpoint& endpoint, const std::string& fields) {
  endpoint.chat(fields);
  EXPECT_EQ(endpoint.out.status, 200) << endpoint.out.body;
  const json::value body = endpoint.out.json();
  const json::object& choice = body.at("choices").at(0).as_object();
  const json::object& message = choice.at("message").as_object();
  Answered answered;
  answered.content = message.at("content").as_string();
  if (const json::value* reasoning = message.if_contains("reasoning_content")) answered.reasoning = reasoning->as_string();
  answered.finish_reason = choice.at("finish_reason").as_string();
  add_logprobs(choice.at("logprobs"), answered);
  if (const json::value* ids = choice.if_contains("token_ids")) answered.ids = ids->as_array();
  answered.usage = body.at("usage").as_object();
  return answered;
}

Answered streamed(Endpoint& endpoint, const std::string& fields) {
  endpoint.chat(fields + (fields.empty() ? "" : ",") + R"("stream":true,"stream_options":{"include_usage":true})");
  Answered answered;
  for (const std::string& event : endpoint.out.events()) {
    if (event == "[DONE]") continue;
    const json::object chunk = json::parse(event).as_object();
    if (chunk.at("choices").as_array().empty()) {
      answered.usage = chunk.at("usage").as_object();
      continue;
    }
    const json::object& choice = chunk.at("choices").at(0).as_object();
    const json::object& delta = choice.at("delta").as_object();
    if (const json::value* text = delta.if_contains("content")) answered.content += text->as_string();
    if (const json::value* text = delta.if_contains("reasoning_content")) {
      EXPECT_FALSE(delta.contains("content")) << "one chunk is of one kind";
      EXPECT_TRUE(answered.content.empty()) << "thinking comes first";
      answered.reasoning += text->as_string();
    }
    add_logprobs(choice.at("logprobs"), answered);
    if (const json::value* ids = choice.if_contains("token_ids")) {
      answered.ids.insert(answered.ids.end(), ids->as_array().begin(), ids->as_array().end());
    }
    if (choice.at("finish_reason").is_string()) {
      EXPECT_TRUE(answered.finish_reason.empty()) << "one reason";
      EXPECT_TRUE(delta.empty());
      answered.finish_reason = choice.at("finish_reason").as_string();
    }
  }
  return answered;
}

std::string bytes_of(const json::array& tokens) {
  std::string bytes;
  for (const json::value& token : tokens) {
    for (const json::value& byte : token.at("bytes").as_array()) bytes += static_cast<char>(byte.as_int64());
  }
  return bytes;
}

using Ask = Answered (*)(Endpoint&, const std::string&);
constexpr Ask kAsks[] = {whole, streamed};

TEST(ApiReasoning, ThinkingStandsApartWholeAndStreamed) {
  ThinkingEndpoint endpoint;
  endpoint.always_say("Why?\n</think>\n\nBecause.");
  for (const Ask ask : kAsks) {
    const Answered answered = ask(endpoint, R"("logprobs":true,"return_token_ids":true)");
    EXPECT_EQ(answered.reasoning, "Why?");
    EXPECT_EQ(answered.content, "Because.");
    EXPECT_EQ(answered.finish_reason, "stop");
    EXPECT_EQ(bytes_of(answered.tokens), "Because.") << "logprobs.content holds the content's tokens";
    EXPECT_EQ(answered.ids.size(), 23u);
    EXPECT_EQ(answered.usage.at("completion_tokens"), 23);
    EXPECT_EQ(answered.usage.at("completion_tokens_details"), (json::object{{"reasoning_tokens", 15}}));
  }
}

TEST(ApiReasoning, AModelThatOpensTheTagItselfThinksToo) {
  ThinkingEndpoint endpoint(/*opened=*/false);
  endpoint.always_say("<think>a</think>b");
  for (const Ask ask : kAsks) {
    const Answered answered = ask(endpoint, "");
    EXPECT_EQ(answered.reasoning, "a");
    EXPECT_EQ(answered.content, "b");
  }
  endpoint.always_say("b");
  EXPECT_EQ(whole(endpoint, "").content, "b");
  EXPECT_EQ(endpoint.out.body.find("reasoning_content"), std::string::npos) << "no thought, no field";
}

TEST(ApiReasoning, ThinkingCutOffIsAllReasoningAndNeverHalfACharacter) {
  ThinkingEndpoint endpoint;
  endpoint.always_say("a\xe2\x82", FinishReason::length);
  for (const Ask ask : kAsks) {
    const Answered answered = ask(endpoint, "");
    EXPECT_EQ(answered.reasoning, "a\uFFFD");
    EXPECT_EQ(answered.content, "");
    EXPECT_EQ(answered.finish_reason, "length");
  }
}

TEST(ApiReasoning, AClientCanDropItOrTakeItUndivided) {
  ThinkingEndpoint endpoint;
  endpoint.always_say("a\n</think>\n\nb");
  for (const Ask ask : kAsks) {
    const Answered dropped = ask(endpoint, R"("include_reasoning":false)");
    EXPECT_EQ(dropped.reasoning, "");
    EXPECT_EQ(dropped.content, "b");
    EXPECT_EQ(dropped.usage.at("completion_tokens"), 13) << "they were made all the same";
    const Answered undivided = ask(endpoint, R"("reasoning_format":"none","logprobs":true)");
    EXPECT_EQ(undivided.reasoning, "");
    EXPECT_EQ(undivided.content, "a\n</think>\n\nb");
    EXPECT_EQ(bytes_of(undivided.tokens), undivided.content);
    EXPECT_EQ(ask(endpoint, R"("reasoning_format":"auto")").reasoning, "a");
  }
  endpoint.chat(R"("reasoning_format":"purple")");
  EXPECT_EQ(endpoint.out.status, 400);
  EXPECT_EQ(fakes::error_of(endpoint.out.json()).at("param"), "reasoning_format");
}

TEST(ApiReasoning, AStopStringMayEndTheThinking) {
  ThinkingEndpoint endpoint;
  endpoint.service.on_generate = [](const GenerateRequest&, fakes::ScriptedStream& stream) { stream.say("one END two</think>three"); };
  for (const Ask ask : kAsks) {
    const Answered answered = ask(endpoint, R"("stop":"END")");
    EXPECT_EQ(answered.reasoning, "one ");
    EXPECT_EQ(answered.content, "");
    EXPECT_EQ(answered.finish_reason, "stop");
    EXPECT_EQ(answered.usage.at("completion_tokens"), 7);
    EXPECT_EQ(answered.usage.at("completion_tokens_details").at("reasoning_tokens"), 7);
  }
}

TEST(ApiReasoning, HarmonysHeadsAreNeverShown) {
  ThinkingEndpoint endpoint;
  endpoint.use_harmony();
  endpoint.always_say_tokens("<|channel|>analysis<|message|>Why?<|end|><|start|>assistant<|channel|>final<|message|>So.<|return|>");
  for (const Ask ask : kAsks) {
    const Answered answered = ask(endpoint, R"("logprobs":true)");
    EXPECT_EQ(answered.reasoning, "Why?");
    EXPECT_EQ(answered.content, "So.");
    EXPECT_EQ(bytes_of(answered.tokens), "So.");
    EXPECT_EQ(answered.usage.at("completion_tokens"), 36);
    EXPECT_EQ(answered.usage.at("completion_tokens_details").at("reasoning_tokens"), 32) << "all but the content and the last token";
    const Answered undivided = ask(endpoint, R"("reasoning_format":"none","logprobs":true)");
    EXPECT_EQ(undivided.content, "<|channel|>analysis<|message|>Why?<|end|><|start|>assistant<|channel|>final<|message|>So.");
    EXPECT_EQ(bytes_of(undivided.tokens), undivided.content);
  }
}

TEST(ApiReasoning, ATokenThatHoldsContentBehindDroppedSpaceIsTheContents) {
  ThinkingEndpoint endpoint;
  endpoint.service.on_generate = [](const GenerateRequest&, fakes::ScriptedStream& stream) {
    stream.say("a</think>");
    stream.push(TokenEvent{.token = WordTokenizer::kSpacedWord, .logprob = -1, .top = {}});
    stream.end();
  };
  endpoint.model.tokenizer = std::make_unique<WordTokenizer>();
  for (const Ask ask : kAsks) {
    const Answered answered = ask(endpoint, R"("logprobs":true)");
    EXPECT_EQ(answered.content, "word");
    EXPECT_EQ(bytes_of(answered.tokens), "\n\nword");
    EXPECT_EQ(answered.usage.at("completion_tokens_details").at("reasoning_tokens"), 9);
  }
}

TEST(ApiReasoning, ACompletionIsUndivided) {
  ThinkingEndpoint endpoint;
  endpoint.always_say("a</think>b");
  endpoint.complete("");
  const json::value body = endpoint.out.json();
  EXPECT_EQ(body.at("choices").at(0).at("text"), "a</think>b");
  EXPECT_FALSE(body.at("usage").as_object().contains("completion_tokens_details"));
  endpoint.complete(R"("include_reasoning":false)");
  EXPECT_EQ(endpoint.out.status, 400) << "a field of chats";
}

TEST(ApiReasoning, ASpecialTokenInTheTextHasANameAndNoBytes) {
  Endpoint endpoint;
  endpoint.service.on_generate = [](const GenerateRequest&, fakes::ScriptedStream& stream) {
    for (const TokenId id : {TokenId{'a'}, ByteTokenizer::kStart, TokenId{'b'}}) {
      stream.push(TokenEvent{.token = id, .logprob = -1, .top = {}});
    }
    stream.end();
  };
  for (const Ask ask : kAsks) {
    const Answered answered = ask(endpoint, R"("logprobs":true)");
    ASSERT_EQ(answered.tokens.size(), 3u);
    EXPECT_EQ(answered.tokens[1].at("token"), "<|im_start|>");
    EXPECT_EQ(bytes_of(answered.tokens), answered.content);
  }
}

}  // namespace
}  // namespace yoke::coordinator::api
