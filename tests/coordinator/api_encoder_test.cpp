// /v1/embeddings and /v1/rerank over an encoder whose hidden state at position p of tokens t is {t[p], p, 1}, and whose classifier's
// logit is the last token less ten.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <map>

#include "coordinator/api/float_bytes.h"
#include "tests/coordinator/api_endpoint.h"

namespace yoke::coordinator::api {
namespace {

namespace json = boost::json;
using fakes::Endpoint;
using fakes::ScriptedStream;
using testing::HasSubstr;

constexpr int64_t kHidden = 3;

std::vector<float> row_of(const LogitsRequest& request, int64_t position, int64_t width) {
  std::vector<float> row(static_cast<size_t>(width), static_cast<float>(request.tokens.back() - 10));
  row[0] = static_cast<float>(request.tokens[static_cast<size_t>(position)]);
  row[1] = static_cast<float>(position);
  row[2] = 1;
  return row;
}

void send_rows(const LogitsRequest& request, ScriptedStream& stream, int64_t width) {
  for (const int64_t position : request.rows) stream.push(LogitsEvent{position, row_of(request, position, width)});
  stream.end();
}

struct Encoder : Endpoint {
  explicit Encoder(model::EncoderHead head = model::EncoderHead::classifier) {
    model.config.hidden = kHidden;
    model.config.encoder = {.is = true, .token_types = 2, .head = head, .labels = head == model::EncoderHead::classifier ? 1 : 0};
    model.pooling = Pooling{};
    service.on_logits = [this](const LogitsRequest& request, ScriptedStream& stream) { send_rows(request, stream, model.config.output_width()); };
  }
  json::value embed(const std::string& input, const std::string& more = "") {
    send("POST", "/v1/embeddings", R"({"model":"tiny","input":)" + input + (more.empty() ? "" : "," + more) + "}");
    return out.json();
  }
  json::value rank(const std::string& query, const std::string& documents, const std::string& more = "") {
    send("POST", "/v1/rerank",
         R"({"model":"tiny","query":)" + query + R"(,"documents":)" + documents + (more.empty() ? "" : "," + more) + "}");
    return out.json();
  }
};

std::vector<float> floats_of(const json::value& list) {
  std::vector<float> floats;
  for (const json::value& x : list.as_array()) floats.push_back(x.to_number<float>());
  return floats;
}

std::vector<float> unit(std::vector<double> v) {
  double squares = 0;
  for (const double x : v) squares += x * x;
  std::vector<float> out;
  for (const double x : v) out.push_back(static_cast<float>(x / std::sqrt(squares)));
  return out;
}

TEST(ApiEmbeddings, AreMeansOfLengthOneInOpenaisShape) {
  Encoder endpoint;
  const json::value body = endpoint.embed("[[4,8],[6]]", R"("encoding_format":"float","user":"me")");
  ASSERT_EQ(endpoint.out.status, 200) << endpoint.out.body;
  EXPECT_EQ(body.as_object().size(), 4u);
  EXPECT_EQ(body.at("object"), "list");
  EXPECT_EQ(body.at("model"), "tiny");
  EXPECT_EQ(body.at("usage"), (json::object{{"prompt_tokens", 3}, {"total_tokens", 3}}));
  ASSERT_EQ(body.at("data").as_array().size(), 2u);
  const json::object& first = body.at("data").at(0).as_object();
  EXPECT_EQ(first.size(), 3u);
  EXPECT_EQ(first.at("object"), "embedding");
  EXPECT_EQ(first.at("index"), 0);
  EXPECT_EQ(floats_of(first.at("embedding")), unit({6, 0.5, 1}));
  EXPECT_EQ(body.at("data").at(1).at("index"), 1);
  EXPECT_EQ(floats_of(body.at("data").at(1).at("embedding")), unit({6, 0, 1}));
}

TEST(ApiEmbeddings, AListOfIdsIsOneInput) {
  Encoder endpoint;
  EXPECT_EQ(endpoint.embed("[4,8]").at("data").as_array().size(), 1u);
  EXPECT_EQ(endpoint.service.logits_requests.at(0).rows, (std::vector<int64_t>{0, 1}));
}

TEST(ApiEmbeddings, PoolingOfTheFirstRowAsksForThatRowAlone) {
  Encoder endpoint(model::EncoderHead::pooler);
  endpoint.model.pooling = Pooling{.mode = PoolingMode::first};
  const json::value body = endpoint.embed("[4,8]");
  EXPECT_EQ(floats_of(body.at("data").at(0).at("embedding")), unit({4, 0, 1}));
  EXPECT_EQ(endpoint.service.logits_requests.at(0).rows, std::vector<int64_t>{0});
}

TEST(ApiEmbeddings, Base64IsTheSameFloatsLittleEndian) {
  Encoder endpoint;
  const std::vector<float> expected = floats_of(endpoint.embed("[4,8]").at("data").at(0).at("embedding"));
  std::string bytes;
  append_little_endian(bytes, expected);
  EXPECT_EQ(bytes.size(), 12u);
  EXPECT_EQ(endpoint.embed("[4,8]", R"("encoding_format":"base64")").at("data").at(0).at("embedding"), json::string(base64(bytes)));
  EXPECT_EQ(base64(std::string("\x00\x00\x80\x3f", 4)), "AACAPw==");
  EXPECT_EQ(base64(""), "");
}

TEST(ApiEmbeddings, FewerDimensionsAreTheFirstOnesWithLengthOneAgain) {
  Encoder endpoint;
  const std::vector<float> two = floats_of(endpoint.embed("[4,8]", R"("dimensions":2)").at("data").at(0).at("embedding"));
  const std::vector<float> expected = unit({6, 0.5});
  ASSERT_EQ(two.size(), 2u);
  for (size_t i = 0; i < 2; ++i) EXPECT_NEAR(two[i], expected[i], 1e-7);
}

TEST(ApiEmbeddings, ManyInputsAreOpenAFewAtATimeAndAnsweredInTheirOrder) {
  Encoder endpoint;
  endpoint.service.on_logits = nullptr;
  std::string input = "[[0]";
  for (int i = 1; i < 200; ++i) input += ",[" + std::to_string(i) + "]";
  endpoint.send("POST", "/v1/embeddings", R"({"model":"tiny","input":)" + input + "]}");
  std::map<size_t, bool> done;
  size_t answered = 0;
  while (!endpoint.out.finished) {
    ASSERT_LE(endpoint.service.streams.size() - answered, 64u);
    // The youngest first: an answer's order is not the order in which its parts end.
    for (size_t i = endpoint.service.streams.size(); i-- > answered;) {
      send_rows(endpoint.service.logits_requests[i], *endpoint.service.streams[i], endpoint.model.config.output_width());
    }
    answered = endpoint.service.streams.size();
    endpoint.turn();
  }
  ASSERT_EQ(endpoint.out.status, 200) << endpoint.out.body;
  const json::value body = endpoint.out.json();
  ASSERT_EQ(body.at("data").as_array().size(), 200u);
  for (size_t i = 0; i < 200; ++i) {
    EXPECT_EQ(floats_of(body.at("data").at(i).at("embedding")), unit({static_cast<double>(i), 0, 1}));
  }
  EXPECT_EQ(body.at("usage").at("total_tokens"), 200);
}

TEST(ApiEmbeddings, EveryBadFieldIsNamed) {
  Encoder endpoint;
  const std::pair<const char*, const char*> kBad[] = {
      {R"({"input":[1]})", "model"},
      {R"({"model":"tiny"})", "input"},
      {R"({"model":"tiny","input":[]})", "input"},
      {R"({"model":"tiny","input":{}})", "input"},
      {R"({"model":"tiny","input":7})", "input"},
      {R"({"model":"tiny","input":[[]]})", "input[0]"},
      {R"({"model":"tiny","input":[[1],2]})", "input[1]"},
      {R"({"model":"tiny","input":["x",{}]})", "input[1]"},
      {R"({"model":"tiny","input":"x","truncate":1})", "truncate"},
      {R"({"model":"tiny","input":"x","truncate":"MIDDLE"})", "truncate"},
      {R"({"model":"tiny","input":"x","truncate_prompt_tokens":0})", "truncate_prompt_tokens"},
      {R"({"model":"tiny","input":"x","truncate_prompt_tokens":201})", "truncate_prompt_tokens"},
      {R"({"model":"tiny","input":"x","prompt_name":"query"})", "prompt_name"},
      {R"({"model":"tiny","input":"x","normalize":"yes"})", "normalize"},
      {R"({"model":"tiny","input":[1,"x"]})", "input[1]"},
      {R"({"model":"tiny","input":[259]})", "input[0]"},
      {R"({"model":"tiny","input":[[1],[2,-1]]})", "input[1][1]"},
      {R"({"model":"tiny","input":[1],"dimensions":0})", "dimensions"},
      {R"({"model":"tiny","input":[1],"dimensions":4})", "dimensions"},
      {R"({"model":"tiny","input":[1],"encoding_format":"int8"})", "encoding_format"},
      {R"({"model":"tiny","input":[1],"user":1})", "user"},
      {R"({"model":"tiny","input":[1],"inputs":[1]})", "inputs"},
      {R"([])", "body"},
  };
  for (const auto& [body, param] : kBad) {
    endpoint.send("POST", "/v1/embeddings", body);
    EXPECT_EQ(endpoint.out.status, 400) << body;
    EXPECT_EQ(fakes::error_of(endpoint.out.json()).at("param"), param) << body;
  }
  endpoint.send("POST", "/v1/embeddings", R"({"model":"other","input":[1]})");
  EXPECT_EQ(endpoint.out.status, 404);
  EXPECT_TRUE(endpoint.service.logits_requests.empty());
}

TEST(ApiEmbeddings, LimitsAreNamedWithTheirNumbers) {
  Encoder endpoint;
  std::string many = "[[1]", tokens = "[1";
  for (int i = 0; i < 2048; ++i) many += ",[1]";
  for (int i = 0; i < 200; ++i) tokens += ",1";
  EXPECT_THAT(std::string(fakes::error_of(endpoint.embed(many + "]")).at("message").as_string()), HasSubstr("2048 inputs, got 2049"));
  const json::object error = fakes::error_of(endpoint.embed("[[1]," + tokens + "]]"));
  EXPECT_EQ(error.at("code"), "context_length_exceeded");
  EXPECT_EQ(error.at("param"), "input[1]");
  endpoint.service.refuse_with = Error(Code::context_exceeded, "9 tokens are more than the 8 rows of one step", "tokens");
  EXPECT_EQ(fakes::error_of(endpoint.embed("[[1]]")).at("param"), "input[0]") << "the client knows no field `tokens`";
  endpoint.service.refuse_with = Error(Code::overloaded, "full");
  endpoint.embed("[[1]]");
  EXPECT_EQ(endpoint.out.status, 429);
}

TEST(ApiEmbeddings, AFailureEndsTheWholeAnswerAndCancelsTheRest) {
  Encoder endpoint;
  endpoint.service.on_logits = nullptr;
  endpoint.send("POST", "/v1/embeddings", R"({"model":"tiny","input":[[1],[2]]})");
  endpoint.service.streams.at(0)->fail(Error(Code::peer_lost, "rank 1 is gone"));
  endpoint.turn();
  EXPECT_EQ(endpoint.out.status, 503);
  EXPECT_EQ(fakes::error_of(endpoint.out.json()).at("code"), "peer_lost");
  EXPECT_TRUE(endpoint.service.streams.at(1)->cancelled());
  endpoint.send("POST", "/v1/embeddings", R"({"model":"tiny","input":[[1]]})");
  endpoint.turn(http::Turn::stopping);
  EXPECT_EQ(endpoint.out.status, 503);
  EXPECT_TRUE(endpoint.service.streams.at(2)->cancelled());
}

TEST(ApiEmbeddings, MissingStrangeAndInfiniteRowsAreNeverAnEmbedding) {
  Encoder endpoint;
  using Answers = std::function<void(const LogitsRequest&, ScriptedStream&)>;
  const float inf = std::numeric_limits<float>::infinity();
  const Answers bad[] = {
      [](const LogitsRequest&, ScriptedStream& s) { s.end(); },
      [](const LogitsRequest&, ScriptedStream& s) { s.push(LogitsEvent{1, std::vector<float>(4)}), s.end(); },
      [](const LogitsRequest&, ScriptedStream& s) { s.push(LogitsEvent{0, std::vector<float>(3)}), s.end(); },
      [=](const LogitsRequest&, ScriptedStream& s) { s.push(LogitsEvent{0, std::vector<float>(4, inf)}), s.end(); },
  };
  for (const Answers& answers : bad) {
    endpoint.service.on_logits = answers;
    endpoint.embed("[1]");
    EXPECT_EQ(endpoint.out.status, 500);
  }
}

TEST(ApiEmbeddings, DecodersDoNotEmbedAndEncodersDoNotGenerate) {
  Endpoint decoder;
  decoder.send("POST", "/v1/embeddings", R"({"model":"tiny","input":[1]})");
  EXPECT_EQ(decoder.out.status, 400);
  EXPECT_EQ(fakes::error_of(decoder.out.json()).at("param"), "model");
  Encoder encoder;
  for (const bool chat : {true, false}) {
    chat ? encoder.chat("") : encoder.complete("", "[1]");
    EXPECT_EQ(encoder.out.status, 400);
    EXPECT_EQ(fakes::error_of(encoder.out.json()).at("message"), "this model is an encoder; use /v1/embeddings");
  }
  encoder.model.pooling.reset();
  encoder.embed("[1]");
  EXPECT_EQ(encoder.out.status, 400) << "a pooling that this build does not know";
}

TEST(ApiRerank, SortsByRelevanceAndEqualOnesByIndex) {
  Encoder endpoint;
  const json::value body = endpoint.rank("[1,2]", "[[3,9],[5,12],[9],[4,12]]");
  ASSERT_EQ(endpoint.out.status, 200) << endpoint.out.body;
  std::vector<int64_t> order;
  for (const json::value& result : body.at("results").as_array()) {
    order.push_back(result.at("index").to_number<int64_t>());
    EXPECT_EQ(result.as_object().size(), 2u);
  }
  EXPECT_EQ(order, (std::vector<int64_t>{1, 3, 0, 2}));
  EXPECT_NEAR(body.at("results").at(0).at("relevance_score").to_number<double>(), 1 / (1 + std::exp(-2.0)), 1e-7);
  EXPECT_EQ(body.at("model"), "tiny");
  EXPECT_EQ(body.at("usage"), (json::object{{"prompt_tokens", 15}, {"total_tokens", 15}}));
  EXPECT_EQ(endpoint.service.logits_requests.at(0).tokens, (std::vector<TokenId>{1, 2, 3, 9})) << "the query, then the document";
  EXPECT_EQ(endpoint.service.logits_requests.at(0).rows, std::vector<int64_t>{0});
}

TEST(ApiRerank, GivesTheBestFewAndTheirDocumentsWhereAsked) {
  Encoder endpoint;
  const json::value body = endpoint.rank("[1]", "[[3],[5,12]]", R"("top_n":1,"return_documents":true)");
  ASSERT_EQ(body.at("results").as_array().size(), 1u);
  EXPECT_EQ(body.at("results").at(0).at("document"), (json::object{{"token_ids", {5, 12}}}));
  EXPECT_EQ(endpoint.rank("[1]", "[[3],[5,12]]", R"("top_n":99)").at("results").as_array().size(), 2u);
}

TEST(ApiRerank, EveryBadFieldIsNamed) {
  Encoder endpoint;
  const std::pair<const char*, const char*> kBad[] = {
      {R"({"query":[1],"documents":[[1]]})", "model"},
      {R"({"model":"tiny","documents":[[1]]})", "query"},
      {R"({"model":"tiny","query":[1]})", "documents"},
      {R"({"model":"tiny","query":"x","documents":[[1]]})", "documents[0]"},
      {R"({"model":"tiny","query":"x","documents":[{"title":"z"},"y"]})", "documents[0]"},
      {R"({"model":"tiny","query":"x","documents":["y"],"max_tokens_per_doc":0})", "max_tokens_per_doc"},
      {R"({"model":"tiny","query":[],"documents":[[1]]})", "query"},
      {R"({"model":"tiny","query":[1],"documents":[]})", "documents"},
      {R"({"model":"tiny","query":[1],"documents":[1]})", "documents[0]"},
      {R"({"model":"tiny","query":[1],"documents":["x"]})", "documents[0]"},
      {R"({"model":"tiny","query":[1],"documents":[[1],[259]]})", "documents[1][0]"},
      {R"({"model":"tiny","query":[1],"documents":[[1]],"top_n":0})", "top_n"},
      {R"({"model":"tiny","query":[1],"documents":[[1]],"return_documents":1})", "return_documents"},
      {R"({"model":"tiny","query":[1],"documents":[[1]],"rank_fields":[]})", "rank_fields"},
  };
  for (const auto& [body, param] : kBad) {
    endpoint.send("POST", "/v1/rerank", body);
    EXPECT_EQ(endpoint.out.status, 400) << body;
    EXPECT_EQ(fakes::error_of(endpoint.out.json()).at("param"), param) << body;
  }
}

TEST(ApiRerank, TheQueryAndADocumentShareTheContext) {
  Encoder endpoint;
  std::string hundred = "[1";
  for (int i = 0; i < 100; ++i) hundred += ",1";
  const json::object error = fakes::error_of(endpoint.rank(hundred + "]", "[[1]," + hundred + "]]"));
  EXPECT_EQ(error.at("param"), "documents[1]");
  EXPECT_THAT(std::string(error.at("message").as_string()), HasSubstr("200 tokens; documents[1] needs 202"));
}

TEST(ApiRerank, NeedsAClassifierOfOneLabel) {
  Encoder pooler(model::EncoderHead::pooler);
  pooler.rank("[1]", "[[1]]");
  EXPECT_EQ(pooler.out.status, 400);
  EXPECT_THAT(std::string(fakes::error_of(pooler.out.json()).at("message").as_string()), HasSubstr("serve a reranker"));
  Encoder three;
  three.model.config.encoder.labels = 3;
  three.rank("[1]", "[[1]]");
  EXPECT_THAT(std::string(fakes::error_of(three.out.json()).at("message").as_string()), HasSubstr("3 labels"));
  Endpoint decoder;
  decoder.send("POST", "/v1/rerank", R"({"model":"tiny","query":[1],"documents":[[1]]})");
  EXPECT_EQ(decoder.out.status, 400);
}

TEST(ApiPages, StatusSaysWhatTheRowsOfAnEncoderAre) {
  Encoder encoder;
  encoder.send("GET", "/yoke/v1/status");
  EXPECT_EQ(encoder.out.json().at("kind"), "encoder");
  EXPECT_EQ(encoder.out.json().at("output_width"), 4);
  EXPECT_EQ(encoder.out.json().at("encoder"), (json::object{{"hidden", 3}, {"head", "classifier"}, {"labels", 1}, {"token_types", 2}}));
  Endpoint decoder;
  decoder.send("GET", "/yoke/v1/status");
  EXPECT_EQ(decoder.out.json().at("kind"), "decoder");
  EXPECT_EQ(decoder.out.json().at("output_width"), 259);
}

TEST(ApiLogits, OfAnEncoderTakeTokenTypesAndAreAsWideAsItsRows) {
  RestConfig config;
  config.allow_logits = true;
  Endpoint endpoint(config);
  endpoint.model.config.hidden = kHidden;
  endpoint.model.config.encoder = {.is = true, .token_types = 2, .head = model::EncoderHead::pooler};
  endpoint.service.on_logits = [](const LogitsRequest& request, ScriptedStream& stream) { send_rows(request, stream, 6); };
  endpoint.send("POST", "/yoke/v1/logits", R"({"tokens":[1,2],"rows":[0,1],"token_types":[0,1]})");
  ASSERT_TRUE(endpoint.out.finished) << endpoint.out.body;
  EXPECT_EQ(endpoint.out.body.size(), 2u * 6u * 4u);
  EXPECT_EQ(endpoint.out.head.headers.at(1).name, "x-yoke-width");
  EXPECT_EQ(endpoint.out.head.headers.at(1).value, "6");
  EXPECT_EQ(endpoint.service.logits_requests.at(0).token_types, (std::vector<int32_t>{0, 1}));
  endpoint.send("POST", "/yoke/v1/logits", R"({"tokens":[1,2],"rows":[0],"token_types":[0,2]})");
  EXPECT_EQ(fakes::error_of(endpoint.out.json()).at("param"), "token_types[1]");
  endpoint.model.config.encoder = {};
  endpoint.send("POST", "/yoke/v1/logits", R"({"tokens":[1],"rows":[0],"token_types":[0]})");
  EXPECT_EQ(fakes::error_of(endpoint.out.json()).at("param"), "token_types");
}

}  // namespace
}  // namespace yoke::coordinator::api
