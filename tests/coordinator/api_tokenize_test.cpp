// POST /tokenize and /detokenize in both of their dialects.
#include <gtest/gtest.h>

#include "tests/coordinator/api_endpoint.h"

namespace yoke::coordinator::api {
namespace {

namespace json = boost::json;
using fakes::ByteTokenizer;
using fakes::Endpoint;

json::value ask(Endpoint& endpoint, const std::string& path, const std::string& body) {
  endpoint.send("POST", path, body);
  EXPECT_EQ(endpoint.out.status, 200) << endpoint.out.body;
  return endpoint.out.json();
}

void expect_refused(Endpoint& endpoint, const std::string& path, const std::string& body, const std::string& param) {
  endpoint.send("POST", path, body);
  EXPECT_EQ(endpoint.out.status, 400) << body;
  EXPECT_EQ(fakes::error_of(endpoint.out.json()).at("param"), json::value(param)) << endpoint.out.body;
}

TEST(ApiTokenize, APromptIsCountedInVllmsShape) {
  Endpoint endpoint;
  EXPECT_EQ(ask(endpoint, "/tokenize", R"({"model":"tiny","prompt":"Hi<|im_end|>"})"),
            (json::value{{"count", 3}, {"max_model_len", 200}, {"tokens", {'H', 'i', ByteTokenizer::kEnd}}, {"token_strs", nullptr}}));
  static_cast<ByteTokenizer&>(*endpoint.model.tokenizer).add_bos = true;
  EXPECT_EQ(ask(endpoint, "/tokenize", R"({"prompt":"\u00e9","return_token_strs":true})").at("token_strs"),
            (json::value{"<s>", "\xEF\xBF\xBD", "\xEF\xBF\xBD"}));
  EXPECT_EQ(ask(endpoint, "/tokenize", R"({"prompt":"x","add_special_tokens":false})").at("tokens"), (json::value{'x'}));
}

TEST(ApiTokenize, ContentIsEncodedInLlamaCppsShape) {
  Endpoint endpoint;
  static_cast<ByteTokenizer&>(*endpoint.model.tokenizer).add_bos = true;
  EXPECT_EQ(ask(endpoint, "/tokenize", R"({"content":"a<|im_end|>"})"), (json::value{{"tokens", {'a', ByteTokenizer::kEnd}}}));
  EXPECT_EQ(ask(endpoint, "/tokenize", R"({"content":"<s>","parse_special":false})"), (json::value{{"tokens", {'<', 's', '>'}}}));
  EXPECT_EQ(ask(endpoint, "/tokenize", R"({"content":"a\u00e9","add_special":true,"with_pieces":true})").at("tokens"),
            json::parse(R"([{"id":256,"piece":"<s>"},{"id":97,"piece":"a"},{"id":195,"piece":[195]},{"id":169,"piece":[169]}])"));
}

TEST(ApiTokenize, AChatRequestsBodySaysWhatTheModelWouldSee) {
  Endpoint endpoint;
  const json::value answer =
      ask(endpoint, "/tokenize", R"({"messages":[{"role":"user","content":"x<|im_end|>"}],"temperature":0,"return_token_strs":true})");
  endpoint.chat("", R"([{"role":"user","content":"x<|im_end|>"}])");
  ASSERT_EQ(endpoint.service.requests.size(), 1u);
  const std::vector<TokenId>& prompt = endpoint.service.requests[0].prompt;
  EXPECT_EQ(answer.at("tokens"), json::value(json::array(prompt.begin(), prompt.end())));
  EXPECT_EQ(answer.at("count"), json::value(prompt.size()));
  EXPECT_EQ(answer.at("token_strs").as_array().size(), prompt.size());
}

TEST(ApiTokenize, TokensBecomeTextUnderBothNames) {
  Endpoint endpoint;
  EXPECT_EQ(ask(endpoint, "/detokenize", R"({"model":"tiny","tokens":[72,105,258]})"),
            (json::value{{"prompt", "Hi<|im_end|>"}, {"content", "Hi<|im_end|>"}}));
  EXPECT_EQ(ask(endpoint, "/detokenize", R"({"tokens":[]})"), (json::value{{"prompt", ""}, {"content", ""}}));
}

TEST(ApiTokenize, WhatIsWrongIsNamed) {
  Endpoint endpoint;
  expect_refused(endpoint, "/tokenize", "{}", "prompt");
  expect_refused(endpoint, "/tokenize", R"({"prompt":"a","content":"a"})", "prompt");
  expect_refused(endpoint, "/tokenize", R"({"prompt":7})", "prompt");
  expect_refused(endpoint, "/tokenize", R"({"prompt":"a","with_pieces":true})", "with_pieces");
  expect_refused(endpoint, "/tokenize", R"({"content":"a","add_special":1})", "add_special");
  expect_refused(endpoint, "/tokenize", R"({"messages":[]})", "messages");
  expect_refused(endpoint, "/tokenize", R"({"messages":[{"role":"user","content":"x"}],"chat_template":"x"})", "chat_template");
  expect_refused(endpoint, "/detokenize", "{}", "tokens");
  expect_refused(endpoint, "/detokenize", R"({"tokens":"Hi"})", "tokens");
  expect_refused(endpoint, "/detokenize", R"({"tokens":[1,259]})", "tokens[1]");
  expect_refused(endpoint, "/detokenize", R"({"tokens":[-1]})", "tokens[0]");
  endpoint.send("POST", "/detokenize", R"({"model":"other","tokens":[1]})");
  EXPECT_EQ(endpoint.out.status, 404);
  endpoint.send("GET", "/tokenize");
  EXPECT_EQ(endpoint.out.status, 405);
  endpoint.model.tokenizer.reset();
  endpoint.model.why_no_tokenizer = "its files have none";
  expect_refused(endpoint, "/tokenize", R"({"prompt":"a"})", "prompt");
  EXPECT_NE(endpoint.out.body.find("its files have none"), std::string::npos);
  expect_refused(endpoint, "/detokenize", R"({"tokens":[1]})", "tokens");
}

TEST(ApiTokenize, TextThatManyTokensStandForIsBounded) {
  struct Wordy : ByteTokenizer {
    std::string_view token_bytes(TokenId) const override { return word; }
    std::string word = std::string(1 << 20, 'x');
  };
  Endpoint endpoint;
  endpoint.model.tokenizer = std::make_unique<Wordy>();
  expect_refused(endpoint, "/detokenize", R"({"tokens":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]})", "tokens");
}

TEST(ApiTokenize, ALongBodyIsAnsweredByAWorker) {
  Endpoint endpoint;
  endpoint.send("POST", "/tokenize", R"({"prompt":")" + std::string(100'000, 'x') + "\"}");
  endpoint.await_worker();
  EXPECT_TRUE(endpoint.woken);
  EXPECT_EQ(endpoint.out.json().at("count"), 100'000);
}

TEST(ApiTokenize, ALongBodysMistakeIsAnsweredAsAShortOnes) {
  Endpoint endpoint;
  endpoint.send("POST", "/detokenize", R"({"tokens":")" + std::string(100'000, 'x') + "\"}");
  endpoint.await_worker();
  EXPECT_EQ(endpoint.out.status, 400);
}

TEST(ApiTokenize, AClientThatLeavesBeforeAWorkerIsDoneLeavesNothingBehind) {
  for (int i = 0; i < 50; ++i) {
    Endpoint endpoint;
    endpoint.send("POST", "/v1/completions", R"({"model":"tiny","prompt":")" + std::string(20'000, 'x') + "\"}");
    endpoint.answer.reset();
  }
}

TEST(ApiTokenize, AServerThatStopsTellsThoseWhoWaitForAWorker) {
  Endpoint endpoint;
  const std::string body = R"({"prompt":")" + std::string(1'000'000, 'x') + "\"}";
  http::Request request{.method = "POST", .path = "/tokenize", .query = {}, .headers = {}, .body = body};
  endpoint.answer = endpoint.router.handle(std::move(request), [] {});
  endpoint.turn(http::Turn::stopping);
  EXPECT_TRUE(endpoint.out.finished);
}

}  // namespace
}  // namespace yoke::coordinator::api
