// Text for an encoder: /v1/embeddings and the rerank routes over a tokenizer whose tokens are bytes and whose frames are
// <s> A <|im_end|> and <s> A <|im_end|> B <|im_end|>.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/coordinator/api_endpoint.h"

namespace yoke::coordinator::api {
namespace {

namespace json = boost::json;
using fakes::Endpoint;
using fakes::ScriptedStream;
using testing::HasSubstr;
using model::text::Framed;
using Tokens = std::vector<TokenId>;

constexpr TokenId kBegin = fakes::ByteTokenizer::kBos, kEnd = fakes::ByteTokenizer::kEnd;

class FramingTokenizer : public fakes::ByteTokenizer {
 public:
  Framed frame(const Tokens& text) const override {
    Framed framed{.ids = {kBegin}, .types = {}};
    framed.ids.insert(framed.ids.end(), text.begin(), text.end());
    framed.ids.push_back(kEnd);
    framed.types.resize(framed.ids.size(), 0);
    return framed;
  }
  Framed frame_pair(const Tokens& first, const Tokens& second) const override {
    Framed framed = frame(first);
    framed.ids.insert(framed.ids.end(), second.begin(), second.end());
    framed.ids.push_back(kEnd);
    framed.types.resize(framed.ids.size(), 1);
    return framed;
  }
};

struct TextEncoder : Endpoint {
  TextEncoder() {
    model.tokenizer = std::make_unique<FramingTokenizer>();
    model.config.hidden = 2;
    model.config.encoder = {.is = true, .token_types = 2, .head = model::EncoderHead::classifier, .labels = 1};
    model.pooling = Pooling{};
    service.on_logits = [](const LogitsRequest& request, ScriptedStream& stream) {
      const auto size = static_cast<float>(request.tokens.size());
      for (const int64_t position : request.rows) stream.push(LogitsEvent{position, {3, 4, size / 10}});
      stream.end();
    };
  }
  json::object embed(const std::string& input, const std::string& more = "") {
    send("POST", "/v1/embeddings", R"({"model":"tiny","input":)" + input + more + "}");
    return out.json().as_object();
  }
  json::object rank(const std::string& documents, const std::string& more = "", const std::string& route = "/v1/rerank") {
    send("POST", route, R"({"model":"tiny","query":"why","documents":)" + documents + more + "}");
    return out.json().as_object();
  }
  const LogitsRequest& sent(size_t index = 0) const { return service.logits_requests.at(index); }
};

std::string quoted(size_t letters) { return '"' + std::string(letters, 'a') + '"'; }

TEST(ApiEmbeddings, TextIsFramedAsTheModelsFilesSay) {
  TextEncoder endpoint;
  const json::object body = endpoint.embed(R"(["ab","", [7]])");
  ASSERT_EQ(endpoint.out.status, 200) << endpoint.out.body;
  EXPECT_EQ(endpoint.sent(0).tokens, (Tokens{kBegin, 'a', 'b', kEnd}));
  EXPECT_EQ(endpoint.sent(1).tokens, (Tokens{kBegin, kEnd})) << "an empty text has its frame";
  EXPECT_EQ(endpoint.sent(2).tokens, Tokens{7}) << "token ids are taken as they are";
  EXPECT_EQ(body.at("usage").at("prompt_tokens"), 7);
  endpoint.embed(R"("ab")");
  EXPECT_EQ(endpoint.sent(3).tokens, endpoint.sent(0).tokens);
}

TEST(ApiEmbeddings, ACallersSpecialTokensStayText) {
  TextEncoder endpoint;
  endpoint.embed(R"("<s>")");
  EXPECT_EQ(endpoint.sent().tokens, (Tokens{kBegin, '<', 's', '>', kEnd}));
}

TEST(ApiEmbeddings, HaveLengthOneOnlyWhereTheModelSaysSo) {
  TextEncoder endpoint;
  EXPECT_EQ(endpoint.embed(quoted(1)).at("data").at(0).at("embedding"), (json::array{0.6, 0.8}));
  EXPECT_EQ(endpoint.embed(quoted(1), R"(,"normalize":false)").at("data").at(0).at("embedding"), (json::array{3.0, 4.0}));
  endpoint.model.pooling->normalise = false;
  EXPECT_EQ(endpoint.embed(quoted(1)).at("data").at(0).at("embedding"), (json::array{3.0, 4.0}));
  EXPECT_EQ(endpoint.embed(quoted(1), R"(,"dimensions":1)").at("data").at(0).at("embedding"), (json::array{3.0}));
}

TEST(ApiEmbeddings, LongTextIsCutOnlyWhenAskedAndKeepsItsFrame) {
  TextEncoder endpoint;
  endpoint.model.pooling->max_tokens = 5;
  const json::object error = fakes::error_of(endpoint.embed(R"(["ok","abcdef"])"));
  EXPECT_EQ(error.at("code"), "context_length_exceeded");
  EXPECT_EQ(error.at("param"), "input[1]");
  EXPECT_THAT(std::string(error.at("message").as_string()), HasSubstr("5 tokens; input[1] needs 8"));
  const std::pair<const char*, Tokens> kCuts[] = {
      {R"(,"truncate":true)", {kBegin, 'a', 'b', 'c', kEnd}},
      {R"(,"truncate":"END")", {kBegin, 'a', 'b', 'c', kEnd}},
      {R"(,"truncate":"START")", {kBegin, 'd', 'e', 'f', kEnd}},
      {R"(,"truncate_prompt_tokens":-1)", {kBegin, 'a', 'b', 'c', kEnd}},
      {R"(,"truncate_prompt_tokens":3)", {kBegin, 'a', kEnd}},
  };
  for (const auto& [field, tokens] : kCuts) {
    endpoint.service.logits_requests.clear();
    endpoint.embed(R"("abcdef")", field);
    ASSERT_EQ(endpoint.out.status, 200) << endpoint.out.body;
    EXPECT_EQ(endpoint.sent().tokens, tokens) << field;
  }
  for (const char* field : {R"(,"truncate":false)", R"(,"truncate":"NONE")", R"(,"truncate_prompt_tokens":1)"}) {
    endpoint.embed(R"("abcdef")", field);
    EXPECT_EQ(endpoint.out.status, 400) << field;
  }
  endpoint.embed("[1,2,3,4,5,6]", R"(,"truncate":true)");
  EXPECT_EQ(endpoint.out.status, 400) << "nobody knows which of a caller's ids are the frame";
}

TEST(ApiEmbeddings, PromptsAreTheModelsOwn) {
  TextEncoder endpoint;
  endpoint.model.pooling->prompts = {{"query", "q:"}, {"plain", ""}};
  endpoint.model.pooling->default_prompt = "q:";
  endpoint.embed(R"("A")");
  endpoint.embed(R"("A")", R"(,"prompt_name":"plain")");
  endpoint.model.pooling->lower_case = true;
  endpoint.embed(R"("A")");
  EXPECT_EQ(endpoint.sent(0).tokens, (Tokens{kBegin, 'q', ':', 'A', kEnd}));
  EXPECT_EQ(endpoint.sent(1).tokens, (Tokens{kBegin, 'A', kEnd}));
  EXPECT_EQ(endpoint.sent(2).tokens, (Tokens{kBegin, 'q', ':', 'a', kEnd}));
  endpoint.model.pooling->pools_prompts = false;
  EXPECT_EQ(fakes::error_of(endpoint.embed(R"("A")")).at("param"), "prompt_name");
}

TEST(ApiEmbeddings, TextWithoutATokenizerIsRefusedWithWhy) {
  TextEncoder endpoint;
  endpoint.model.tokenizer.reset();
  endpoint.model.why_no_tokenizer = "its kind is plamo2";
  EXPECT_THAT(std::string(fakes::error_of(endpoint.embed(R"("x")")).at("message").as_string()), HasSubstr("plamo2"));
  endpoint.embed("[1]");
  EXPECT_EQ(endpoint.out.status, 200);
}

TEST(ApiRerank, TextsAreAPairWithItsTypes) {
  TextEncoder endpoint;
  endpoint.rank(R"(["ab",{"text":"c","id":5}])");
  ASSERT_EQ(endpoint.out.status, 200) << endpoint.out.body;
  EXPECT_EQ(endpoint.sent(0).tokens, (Tokens{kBegin, 'w', 'h', 'y', kEnd, 'a', 'b', kEnd}));
  EXPECT_EQ(endpoint.sent(0).token_types, (std::vector<int32_t>{0, 0, 0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(endpoint.sent(1).tokens, (Tokens{kBegin, 'w', 'h', 'y', kEnd, 'c', kEnd}));
  endpoint.model.config.encoder.token_types = 1;
  endpoint.rank(R"(["ab"])");
  EXPECT_TRUE(endpoint.sent(2).token_types.empty());
}

TEST(ApiRerank, AnswersAlikeOnAllRoutesAndGivesDocumentsBack) {
  for (const char* route : {"/v1/rerank", "/v2/rerank", "/rerank"}) {
    TextEncoder endpoint;
    const json::object body = endpoint.rank(R"(["ab",{"text":"long one","id":5}])", R"(,"return_documents":true)", route);
    ASSERT_EQ(endpoint.out.status, 200) << endpoint.out.body;
    EXPECT_EQ(body.at("results").at(0).at("document"), (json::object{{"text", "long one"}, {"id", 5}}));
    EXPECT_EQ(body.at("results").at(1).at("document"), (json::object{{"text", "ab"}}));
    EXPECT_EQ(body.at("meta").at("tokens").at("input_tokens"), body.at("usage").at("total_tokens"));
  }
}

TEST(ApiRerank, LongTextsAreCutOnlyWhenAsked) {
  TextEncoder endpoint;
  endpoint.rank("[" + quoted(9) + "]", R"(,"max_tokens_per_doc":2)");
  EXPECT_EQ(endpoint.sent(0).tokens, (Tokens{kBegin, 'w', 'h', 'y', kEnd, 'a', 'a', kEnd}));
  endpoint.model.config.context_length = 8;
  const json::object error = fakes::error_of(endpoint.rank("[\"x\"," + quoted(3) + "]"));
  EXPECT_EQ(error.at("param"), "documents[1]");
  EXPECT_THAT(std::string(error.at("message").as_string()), HasSubstr("8 tokens; documents[1] needs 9"));
  // Five places between three special tokens.
  endpoint.service.logits_requests.clear();
  endpoint.rank("[" + quoted(1) + "," + quoted(2) + "," + quoted(3) + "," + quoted(9) + "]", R"(,"truncate":true)");
  EXPECT_EQ(endpoint.sent(0).tokens, (Tokens{kBegin, 'w', 'h', 'y', kEnd, 'a', kEnd}));
  EXPECT_EQ(endpoint.sent(1).tokens, (Tokens{kBegin, 'w', 'h', 'y', kEnd, 'a', 'a', kEnd}));
  EXPECT_EQ(endpoint.sent(2).tokens, (Tokens{kBegin, 'w', 'h', kEnd, 'a', 'a', 'a', kEnd}));
  EXPECT_EQ(endpoint.sent(3).tokens, (Tokens{kBegin, 'w', 'h', kEnd, 'a', 'a', 'a', kEnd}));
}

}  // namespace
}  // namespace yoke::coordinator::api
