// Shapes and behaviour of the two generating endpoints, over a scripted scheduler.
#include <gtest/gtest.h>

#include <set>

#include "tests/coordinator/api_endpoint.h"

namespace yoke::coordinator::api {
namespace {

namespace json = boost::json;
using fakes::ByteTokenizer;
using fakes::Endpoint;

std::vector<json::object> chunks_of(const Endpoint& endpoint) {
  std::vector<json::object> chunks;
  for (const std::string& event : endpoint.out.events()) {
    if (event != "[DONE]") chunks.push_back(json::parse(event).as_object());
  }
  return chunks;
}

const json::object& choice_of(const json::object& chunk) { return chunk.at("choices").as_array().at(0).as_object(); }

std::string streamed_text(const Endpoint& endpoint, int64_t index = 0) {
  std::string text;
  for (const json::object& chunk : chunks_of(endpoint)) {
    if (chunk.at("choices").as_array().empty() || choice_of(chunk).at("index") != index) continue;
    const json::object& choice = choice_of(chunk);
    const json::value* content = choice.contains("delta") ? choice.at("delta").as_object().if_contains("content") : choice.if_contains("text");
    if (content != nullptr) text += content->as_string();
  }
  return text;
}

TEST(ApiGeneration, AChatIsAnsweredInOpenAisShape) {
  Endpoint endpoint;
  endpoint.always_say("Hello");
  endpoint.chat("");
  ASSERT_EQ(endpoint.out.status, 200) << endpoint.out.body;
  const json::value body = endpoint.out.json();
  EXPECT_TRUE(std::string(body.at("id").as_string()).starts_with("chatcmpl-"));
  EXPECT_EQ(body.at("object"), "chat.completion");
  EXPECT_GT(body.at("created").as_int64(), 1'700'000'000);
  EXPECT_EQ(body.at("model"), "tiny");
  EXPECT_TRUE(std::string(body.at("system_fingerprint").as_string()).starts_with("yoke-"));
  ASSERT_EQ(body.at("choices").as_array().size(), 1u);
  const json::object& choice = choice_of(body.as_object());
  EXPECT_EQ(choice.at("index"), 0);
  EXPECT_EQ(choice.at("message"), (json::object{{"role", "assistant"}, {"content", "Hello"}, {"refusal", nullptr}}));
  EXPECT_EQ(choice.at("finish_reason"), "stop");
  EXPECT_TRUE(choice.at("logprobs").is_null());
  const auto prompt = static_cast<int64_t>(endpoint.service.requests[0].prompt.size());
  EXPECT_EQ(body.at("usage"), (json::object{{"prompt_tokens", prompt}, {"completion_tokens", 5}, {"total_tokens", prompt + 5}}));
}

TEST(ApiGeneration, ACompletionIsAnsweredInOpenAisShape) {
  Endpoint endpoint;
  endpoint.always_say("Hello", FinishReason::length);
  endpoint.complete("");
  const json::value body = endpoint.out.json();
  EXPECT_TRUE(std::string(body.at("id").as_string()).starts_with("cmpl-"));
  EXPECT_EQ(body.at("object"), "text_completion");
  EXPECT_EQ(choice_of(body.as_object()),
            (json::object{{"index", 0}, {"text", "Hello"}, {"logprobs", nullptr}, {"finish_reason", "length"}}));
  EXPECT_EQ(endpoint.service.requests[0].prompt, (std::vector<TokenId>{'H', 'i'}));
}

TEST(ApiGeneration, AnAliasIsEchoedAsTheClientCalledIt) {
  Endpoint endpoint;
  endpoint.always_say("x");
  endpoint.send("POST", "/v1/completions", R"({"model":"tiny-alias","prompt":"x"})");
  EXPECT_EQ(endpoint.out.json().at("model"), "tiny-alias");
}

TEST(ApiGeneration, AChatStreamSaysItsRoleOnceItsReasonOnceAndItsUsageLast) {
  Endpoint endpoint;
  endpoint.always_say("Hello");
  endpoint.chat(R"("stream":true,"stream_options":{"include_usage":true})");
  EXPECT_TRUE(endpoint.out.streaming);
  EXPECT_TRUE(endpoint.out.finished);
  EXPECT_TRUE(endpoint.out.head.content_type.starts_with("text/event-stream"));
  EXPECT_EQ(endpoint.out.events().back(), "[DONE]");
  const auto chunks = chunks_of(endpoint);
  ASSERT_EQ(chunks.size(), 1u + 5u + 1u + 1u);
  EXPECT_EQ(choice_of(chunks[0]).at("delta"), (json::object{{"role", "assistant"}, {"content", ""}}));
  std::set<std::string> ids;
  for (size_t i = 0; i < chunks.size(); ++i) {
    ids.insert(std::string(chunks[i].at("id").as_string()));
    EXPECT_EQ(chunks[i].at("object"), "chat.completion.chunk");
    const bool last = i + 1 == chunks.size();
    EXPECT_EQ(chunks[i].at("usage").is_null(), !last) << i;
    if (last) continue;
    EXPECT_EQ(choice_of(chunks[i]).at("delta").as_object().contains("role"), i == 0) << i;
    EXPECT_EQ(choice_of(chunks[i]).at("finish_reason").is_string(), i == 6) << i;
  }
  EXPECT_EQ(ids.size(), 1u);
  EXPECT_EQ(choice_of(chunks[6]).at("delta"), json::object());
  EXPECT_TRUE(chunks[7].at("choices").as_array().empty());
  EXPECT_EQ(chunks[7].at("usage").at("completion_tokens"), 5);
  EXPECT_EQ(streamed_text(endpoint), "Hello");
}

TEST(ApiGeneration, WithoutIncludeUsageNoChunkHasAUsage) {
  Endpoint endpoint;
  endpoint.always_say("Hello");
  endpoint.complete(R"("stream":true)");
  const auto chunks = chunks_of(endpoint);
  ASSERT_EQ(chunks.size(), 6u);
  for (const json::object& chunk : chunks) EXPECT_FALSE(chunk.contains("usage"));
  EXPECT_EQ(choice_of(chunks[5]), (json::object{{"index", 0}, {"text", ""}, {"logprobs", nullptr}, {"finish_reason", "stop"}}));
  EXPECT_EQ(streamed_text(endpoint), "Hello");
}

TEST(ApiGeneration, AStreamBeginsWithItsFirstTokenAndNotBefore) {
  Endpoint endpoint;
  endpoint.complete(R"("stream":true)");
  EXPECT_FALSE(endpoint.out.streaming);
  endpoint.service.streams[0]->say("a");
  EXPECT_TRUE(endpoint.woken);
  endpoint.turn();
  EXPECT_EQ(streamed_text(endpoint), "a");
  EXPECT_FALSE(endpoint.out.finished);
}

TEST(ApiGeneration, ASilentStreamIsKeptAliveByComments) {
  Endpoint endpoint;
  endpoint.chat(R"("stream":true)");
  endpoint.turn(http::Turn::quiet);
  endpoint.turn(http::Turn::quiet);
  EXPECT_EQ(endpoint.out.body, ": keep-alive\n\n: keep-alive\n\n");
  EXPECT_TRUE(endpoint.out.events().empty());
  endpoint.chat("");
  endpoint.turn(http::Turn::quiet);
  EXPECT_EQ(endpoint.out.body, "") << "a JSON answer has no place for comments";
}

TEST(ApiGeneration, AStopStringAcrossTokensEndsTheTextBeforeIt) {
  for (const bool stream : {false, true}) {
    Endpoint endpoint;
    endpoint.chat(R"("stop":["END","never"],"return_token_ids":true,"stream":)" + std::string(stream ? "true" : "false"));
    endpoint.service.streams[0]->say("one EN two EN");
    endpoint.turn();
    if (stream) {
      EXPECT_EQ(streamed_text(endpoint), "one EN two ") << "what may become the stop string is held back";
    }
    endpoint.service.streams[0]->say("D three");
    endpoint.turn();
    EXPECT_TRUE(endpoint.service.streams[0]->cancelled());
    ASSERT_TRUE(endpoint.out.finished);
    if (stream) {
      EXPECT_EQ(streamed_text(endpoint), "one EN two ");
    } else {
      const json::value body = endpoint.out.json();
      EXPECT_EQ(choice_of(body.as_object()).at("message").at("content"), "one EN two ");
      EXPECT_EQ(choice_of(body.as_object()).at("finish_reason"), "stop");
      EXPECT_EQ(body.at("usage").at("completion_tokens"), 14);
    }
  }
}

TEST(ApiGeneration, AStopStringThatNeverCameIsGivenBackAtTheEnd) {
  Endpoint endpoint;
  endpoint.always_say("one EN", FinishReason::length);
  endpoint.complete(R"("stop":"END","stream":true)");
  EXPECT_EQ(streamed_text(endpoint), "one EN");
  EXPECT_EQ(choice_of(chunks_of(endpoint).back()).at("finish_reason"), "length");
}

TEST(ApiGeneration, ACharacterSplitAcrossTokensIsSentWhole) {
  Endpoint endpoint;
  endpoint.complete(R"("stream":true)");
  fakes::ScriptedStream& stream = *endpoint.service.streams[0];
  for (const char byte : std::string("\xe2\x82\xac")) {
    EXPECT_EQ(streamed_text(endpoint), "");
    stream.say(std::string(1, byte));
    endpoint.turn();
  }
  EXPECT_EQ(streamed_text(endpoint), "\xe2\x82\xac");
  stream.say("\xf0\x9f");  // never completed
  stream.end();
  endpoint.turn();
  EXPECT_EQ(streamed_text(endpoint), "\xe2\x82\xac\xef\xbf\xbd");
}

TEST(ApiGeneration, ChoicesAreInterleavedByIndexAndShareOneSeed) {
  Endpoint endpoint;
  endpoint.chat(R"("n":2,"stream":true,"stream_options":{"include_usage":true})");
  ASSERT_EQ(endpoint.service.requests.size(), 2u);
  EXPECT_EQ(endpoint.service.requests[0].sampling.seed, endpoint.service.requests[1].sampling.seed);
  EXPECT_EQ(endpoint.service.requests[0].sampling.choice, 0);
  EXPECT_EQ(endpoint.service.requests[1].sampling.choice, 1);
  endpoint.service.streams[1]->say("b");
  endpoint.turn();
  endpoint.service.streams[0]->say("a");
  endpoint.service.streams[0]->end();
  endpoint.turn();
  endpoint.service.streams[1]->say("B");
  endpoint.service.streams[1]->end(FinishReason::length);
  EXPECT_FALSE(endpoint.out.finished);
  endpoint.turn();
  EXPECT_TRUE(endpoint.out.finished);
  EXPECT_EQ(streamed_text(endpoint, 0), "a");
  EXPECT_EQ(streamed_text(endpoint, 1), "bB");
  int roles = 0, reasons = 0;
  for (const json::object& chunk : chunks_of(endpoint)) {
    if (chunk.at("choices").as_array().empty()) continue;
    roles += choice_of(chunk).at("delta").as_object().contains("role");
    reasons += choice_of(chunk).at("finish_reason").is_string();
  }
  EXPECT_EQ(roles, 2);
  EXPECT_EQ(reasons, 2);
  EXPECT_EQ(chunks_of(endpoint).back().at("usage").at("completion_tokens"), 3);
}

TEST(ApiGeneration, SeveralPromptsBecomeSeveralChoices) {
  Endpoint endpoint;
  endpoint.service.on_generate = [](const GenerateRequest& request, fakes::ScriptedStream& stream) {
    stream.say(std::string(1, static_cast<char>(request.prompt[0])));
    stream.end();
  };
  for (const char* prompt : {R"(["a","b"])", "[[97],[98]]"}) {
    endpoint.complete(R"("n":2,"return_token_ids":true)", prompt);
    const json::value body = endpoint.out.json();
    ASSERT_EQ(body.at("choices").as_array().size(), 4u);
    for (int64_t i = 0; i < 4; ++i) {
      const json::object& choice = body.at("choices").at(static_cast<size_t>(i)).as_object();
      EXPECT_EQ(choice.at("index"), i);
      EXPECT_EQ(choice.at("text"), i < 2 ? "a" : "b");
      EXPECT_EQ(choice.at("prompt_token_ids"), json::array{i < 2 ? 97 : 98});
      EXPECT_EQ(choice.at("token_ids"), json::array{i < 2 ? 97 : 98});
    }
    EXPECT_EQ(body.at("usage").at("prompt_tokens"), 2);
    EXPECT_EQ(body.at("usage").at("completion_tokens"), 4);
  }
  EXPECT_EQ(endpoint.service.requests[1].sampling.choice, 1);
  EXPECT_EQ(endpoint.service.requests[2].sampling.choice, 0);
}

TEST(ApiGeneration, TheEndTokenIsNoTextButIsAToken) {
  Endpoint endpoint;
  endpoint.service.on_generate = [](const GenerateRequest&, fakes::ScriptedStream& stream) {
    stream.say("a");
    stream.push(TokenEvent{.token = ByteTokenizer::kEnd, .logprob = -1, .top = {}});
    stream.end();
  };
  endpoint.chat(R"("return_token_ids":true,"logprobs":true)");
  const json::value body = endpoint.out.json();
  const json::object& choice = choice_of(body.as_object());
  EXPECT_EQ(choice.at("message").at("content"), "a");
  EXPECT_EQ(choice.at("token_ids"), (json::array{'a', ByteTokenizer::kEnd}));
  EXPECT_EQ(choice.at("logprobs").at("content").as_array().size(), 1u);
  EXPECT_EQ(body.at("prompt_token_ids").as_array().size(), endpoint.service.requests[0].prompt.size());
}

TEST(ApiGeneration, StreamedTokenIdsAreAllThereAlsoWhereTextIsHeldBack) {
  Endpoint endpoint;
  endpoint.service.on_generate = [](const GenerateRequest&, fakes::ScriptedStream& stream) {
    stream.say("\xe2\x82\xac!");
    stream.end();
  };
  for (const bool chat : {true, false}) {
    if (chat) {
      endpoint.chat(R"("return_token_ids":true,"stream":true)");
    } else {
      endpoint.complete(R"("return_token_ids":true,"stream":true)");
    }
    json::array ids;
    int prompts = 0;
    for (const json::object& chunk : chunks_of(endpoint)) {
      prompts += chunk.contains("prompt_token_ids") + choice_of(chunk).contains("prompt_token_ids");
      const json::value* part = choice_of(chunk).if_contains("token_ids");
      if (part != nullptr) ids.insert(ids.end(), part->as_array().begin(), part->as_array().end());
    }
    EXPECT_EQ(ids, (json::array{0xe2, 0x82, 0xac, '!'}));
    EXPECT_EQ(prompts, 1);
  }
}

TEST(ApiGeneration, ChatLogprobsNameTokensBytesAndAlternatives) {
  Endpoint endpoint;
  endpoint.service.on_generate = [](const GenerateRequest& request, fakes::ScriptedStream& stream) {
    EXPECT_EQ(request.sampling.logprobs, 2);
    stream.push(TokenEvent{.token = 'a', .logprob = -0.25f, .top = {{'a', -0.25f}, {0xe2, -2.f}}});
    stream.push(TokenEvent{.token = 'b', .logprob = -std::numeric_limits<float>::infinity(), .top = {}});
    stream.end();
  };
  endpoint.chat(R"("logprobs":true,"top_logprobs":2)");
  const json::value body = endpoint.out.json();
  const json::array& content = choice_of(body.as_object()).at("logprobs").at("content").as_array();
  ASSERT_EQ(content.size(), 2u);
  EXPECT_EQ(content[0], (json::object{{"token", "a"},
                                      {"logprob", -0.25},
                                      {"bytes", json::array{97}},
                                      {"top_logprobs", json::array{json::object{{"token", "a"}, {"logprob", -0.25}, {"bytes", json::array{97}}},
                                                                   json::object{{"token", "\\xe2"}, {"logprob", -2.0}, {"bytes", json::array{226}}}}}}));
  EXPECT_EQ(content[1].at("logprob"), -9999.0) << "JSON has no infinity";
  EXPECT_TRUE(content[1].at("top_logprobs").as_array().empty());
}

TEST(ApiGeneration, LogprobsOfAStopStringsTokensAreNotShown) {
  Endpoint endpoint;
  endpoint.always_say("abENDc");
  for (const char* stream : {"false", "true"}) {
    endpoint.chat(R"("logprobs":true,"stop":"END","stream":)" + std::string(stream));
    std::string tokens;
    const auto collect = [&](const json::object& choice) {
      if (!choice.at("logprobs").is_object()) return;
      for (const json::value& token : choice.at("logprobs").at("content").as_array()) tokens += token.at("token").as_string();
    };
    if (endpoint.out.streaming) {
      for (const json::object& chunk : chunks_of(endpoint)) collect(choice_of(chunk));
    } else {
      collect(choice_of(endpoint.out.json().as_object()));
    }
    EXPECT_EQ(tokens, "ab") << stream;
  }
}

TEST(ApiGeneration, CompletionLogprobsHaveTheOlderShape) {
  Endpoint endpoint;
  endpoint.service.on_generate = [](const GenerateRequest&, fakes::ScriptedStream& stream) {
    for (const char byte : std::string("\xe2\x82\xac")) stream.push(TokenEvent{.token = static_cast<unsigned char>(byte), .logprob = -1, .top = {}});
    stream.push(TokenEvent{.token = 'z', .logprob = -0.5f, .top = {{'y', -0.25f}}});
    stream.end();
  };
  endpoint.complete(R"("logprobs":1)");
  const json::value body = endpoint.out.json();
  const json::value& logprobs = choice_of(body.as_object()).at("logprobs");
  EXPECT_EQ(logprobs.at("tokens"), (json::array{"bytes:\\xe2", "bytes:\\x82", "bytes:\\xac", "z"}));
  EXPECT_EQ(logprobs.at("token_logprobs"), (json::array{-1.0, -1.0, -1.0, -0.5}));
  EXPECT_EQ(logprobs.at("text_offset"), (json::array{0, 0, 0, 1})) << "in characters";
  EXPECT_EQ(logprobs.at("top_logprobs").at(3), (json::object{{"y", -0.25}, {"z", -0.5}})) << "the drawn token joins the best";
}

TEST(ApiGeneration, EchoPutsThePromptBeforeTheAnswer) {
  Endpoint endpoint;
  endpoint.always_say("llo");
  for (const char* stream : {"false", "true"}) {
    endpoint.complete(R"("echo":true,"stream":)" + std::string(stream), R"("He")");
    const std::string text = endpoint.out.streaming ? streamed_text(endpoint)
                                                    : std::string(choice_of(endpoint.out.json().as_object()).at("text").as_string());
    EXPECT_EQ(text, "Hello");
  }
  EXPECT_EQ(endpoint.service.requests[0].prompt_logprobs, -1);
}

TEST(ApiGeneration, EchoWithLogprobsScoresThePrompt) {
  Endpoint endpoint;
  endpoint.service.on_generate = [](const GenerateRequest& request, fakes::ScriptedStream& stream) {
    EXPECT_EQ(request.prompt_logprobs, 1);
    EXPECT_EQ(request.max_tokens, 0);
    stream.push(PromptEvent{.logprobs = {{-1.f, {{'x', -0.1f}}}, {-2.f, {}}}});
    stream.end(FinishReason::length);
  };
  endpoint.complete(R"("echo":true,"logprobs":1,"max_tokens":0)", R"("abc")");
  const json::value body = endpoint.out.json();
  const json::object& choice = choice_of(body.as_object());
  EXPECT_EQ(choice.at("text"), "abc");
  EXPECT_EQ(choice.at("finish_reason"), "length");
  const json::value& logprobs = choice.at("logprobs");
  EXPECT_EQ(logprobs.at("tokens"), (json::array{"a", "b", "c"}));
  EXPECT_EQ(logprobs.at("token_logprobs"), (json::array{nullptr, -1.0, -2.0}));
  EXPECT_EQ(logprobs.at("text_offset"), (json::array{0, 1, 2}));
  EXPECT_TRUE(logprobs.at("top_logprobs").at(0).is_null());
  EXPECT_EQ(logprobs.at("top_logprobs").at(1), (json::object{{"x", static_cast<double>(-0.1f)}, {"b", -1.0}}));
  EXPECT_EQ(body.at("usage"), (json::object{{"prompt_tokens", 3}, {"completion_tokens", 0}, {"total_tokens", 3}}));
}

TEST(ApiGeneration, AnErrorBeforeTheFirstTokenIsTheStatus) {
  const std::pair<Code, int> cases[] = {{Code::overloaded, 429},  {Code::unavailable, 503}, {Code::context_exceeded, 400},
                                        {Code::does_not_fit, 507}, {Code::peer_lost, 503},   {Code::internal, 500}};
  for (const auto& [code, status] : cases) {
    for (const char* stream : {"false", "true"}) {
      Endpoint endpoint;
      endpoint.service.refuse_with = Error(code, "no");
      endpoint.chat(R"("stream":)" + std::string(stream));
      EXPECT_EQ(endpoint.out.status, status);
      EXPECT_FALSE(endpoint.out.streaming);
      EXPECT_EQ(fakes::error_of(endpoint.out.json()).at("message"), "no");

      endpoint.service.refuse_with.reset();
      endpoint.chat(R"("stream":)" + std::string(stream));
      endpoint.service.streams.back()->fail(Error(code, "later"));
      endpoint.turn();
      EXPECT_EQ(endpoint.out.status, status);
      EXPECT_EQ(fakes::error_of(endpoint.out.json()).at("message"), "later");
    }
  }
}

TEST(ApiGeneration, AFullQueueSaysWhenToComeBackAndLeavesNoChoiceBehind) {
  Endpoint endpoint;
  endpoint.service.refuse_with = Error(Code::overloaded, "the queue is full");
  endpoint.service.refuse_from = 2;
  endpoint.chat(R"("n":3)");
  EXPECT_EQ(endpoint.out.status, 429);
  EXPECT_EQ(endpoint.out.head.headers.at(0).name, "Retry-After");
  ASSERT_EQ(endpoint.service.streams.size(), 2u);
  for (const auto& stream : endpoint.service.streams) EXPECT_TRUE(stream->cancelled());
}

TEST(ApiGeneration, AnErrorInMidStreamIsTheLastEventAndNothingLooksComplete) {
  for (const bool chat : {true, false}) {
    Endpoint endpoint;
    const std::string fields = R"("n":2,"stream":true,"stream_options":{"include_usage":true})";
    chat ? endpoint.chat(fields) : endpoint.complete(fields);
    endpoint.service.streams[0]->say("a");
    endpoint.turn();
    endpoint.service.streams[0]->fail(Error(Code::peer_lost, "rank 1 is gone"));
    endpoint.turn();
    EXPECT_TRUE(endpoint.out.finished);
    EXPECT_TRUE(endpoint.service.streams[1]->cancelled());
    const auto events = endpoint.out.events();
    const json::object error = fakes::error_of(json::parse(events.back()));
    EXPECT_EQ(error.at("message"), "rank 1 is gone");
    EXPECT_EQ(error.at("code"), "peer_lost");
    for (const std::string& event : events) {
      EXPECT_NE(event, "[DONE]");
      EXPECT_EQ(event.find("\"finish_reason\":\""), std::string::npos) << event;
    }
  }
}

TEST(ApiGeneration, AStreamThatTheServerCancelsIsNoCompleteAnswer) {
  Endpoint endpoint;
  endpoint.chat("");
  endpoint.service.streams[0]->say("a");
  endpoint.service.streams[0]->end(FinishReason::cancelled);
  endpoint.turn();
  EXPECT_EQ(endpoint.out.status, 503);
}

TEST(ApiGeneration, ShuttingDownEndsOpenAnswersWithAnError) {
  Endpoint endpoint;
  endpoint.chat(R"("stream":true)");
  endpoint.service.streams[0]->say("a");
  endpoint.turn();
  endpoint.turn(http::Turn::stopping);
  EXPECT_TRUE(endpoint.out.finished);
  EXPECT_TRUE(endpoint.service.streams[0]->cancelled());
  EXPECT_EQ(fakes::error_of(json::parse(endpoint.out.events().back())).at("code"), "unavailable");
  endpoint.chat("");
  endpoint.turn(http::Turn::stopping);
  EXPECT_EQ(endpoint.out.status, 503);
}

TEST(ApiGeneration, AClientThatGoesAwayCancelsEveryChoice) {
  Endpoint endpoint;
  endpoint.chat(R"("n":2,"stream":true)");
  endpoint.answer.reset();
  for (const auto& stream : endpoint.service.streams) EXPECT_TRUE(stream->cancelled());
}

TEST(ApiGeneration, AModelWithoutATokenizerTakesTokenIdsOnly) {
  Endpoint endpoint;
  endpoint.model.tokenizer.reset();
  endpoint.model.chat_templates.clear();
  endpoint.chat("");
  EXPECT_EQ(endpoint.out.status, 400);
  EXPECT_EQ(fakes::error_of(endpoint.out.json()).at("code"), "unsupported");
  endpoint.complete("");
  EXPECT_EQ(endpoint.out.status, 400);
  endpoint.always_say("ab");
  endpoint.complete(R"("logprobs":0,"return_token_ids":true)", "[1,2]");
  const json::value body = endpoint.out.json();
  EXPECT_EQ(choice_of(body.as_object()).at("token_ids"), (json::array{97, 98}));
  EXPECT_EQ(choice_of(body.as_object()).at("logprobs").at("tokens"), (json::array{"token_id:97", "token_id:98"}));
}

}  // namespace
}  // namespace yoke::coordinator::api
