// Routes, reports, keys at the door, and raw logits.
#include <gtest/gtest.h>

#include <cstring>

#include "tests/coordinator/api_endpoint.h"

namespace yoke::coordinator::api {
namespace {

namespace json = boost::json;
using fakes::Endpoint;

TEST(ApiPages, ModelsListsEveryName) {
  Endpoint endpoint;
  endpoint.send("GET", "/v1/models");
  const json::value body = endpoint.out.json();
  EXPECT_EQ(body.at("object"), "list");
  ASSERT_EQ(body.at("data").as_array().size(), 2u);
  EXPECT_EQ(body.at("data").at(0).at("id"), "tiny");
  EXPECT_EQ(body.at("data").at(1).at("id"), "tiny-alias");
  for (const char* name : {"id", "object", "created", "owned_by"}) EXPECT_TRUE(body.at("data").at(0).as_object().contains(name));
  EXPECT_EQ(body.at("data").at(0).at("max_model_len"), 200);
}

TEST(ApiPages, AModelIsFoundByItsPercentEncodedName) {
  Endpoint endpoint;
  endpoint.model.names.push_back("maker/tiny");
  for (const char* path : {"/v1/models/maker%2Ftiny", "/v1/models/maker/tiny"}) {
    endpoint.send("GET", path);
    EXPECT_EQ(endpoint.out.json().at("id"), "maker/tiny");
  }
  endpoint.send("GET", "/v1/models/other%ff");
  EXPECT_EQ(endpoint.out.status, 404);
  EXPECT_EQ(fakes::error_of(endpoint.out.json()).at("code"), "model_not_found");
}

TEST(ApiPages, ReadinessSaysWhatIsMissing) {
  Endpoint endpoint;
  endpoint.send("GET", "/health/ready");
  EXPECT_EQ(endpoint.out.status, 200);
  endpoint.service.now.ready = false;
  endpoint.service.now.reason = "rank 1 is missing";
  endpoint.service.now.ranks = {{.rank = 0, .node = "a", .state = "ready"}, {.rank = 1, .node = "b", .state = "missing"}};
  endpoint.send("GET", "/health/ready");
  EXPECT_EQ(endpoint.out.status, 503);
  EXPECT_EQ(endpoint.out.json().at("reason"), "rank 1 is missing");
  ASSERT_EQ(endpoint.out.json().at("missing").as_array().size(), 1u);
  EXPECT_EQ(endpoint.out.json().at("missing").at(0).at("rank"), 1);
  endpoint.send("GET", "/health/live");
  EXPECT_EQ(endpoint.out.status, 200);
}

TEST(ApiPages, StatusIsTheServicesStatusWithNamesAndVersion) {
  Endpoint endpoint;
  endpoint.service.now.ranks = {{.rank = 0, .node = "a", .state = "loading", .bytes_read = 17, .load_bytes_total = 40}};
  endpoint.send("GET", "/yoke/v1/status");
  const json::value body = endpoint.out.json();
  EXPECT_EQ(body.at("model"), "tiny");
  EXPECT_EQ(body.at("names"), (json::array{"tiny", "tiny-alias"}));
  EXPECT_TRUE(body.at("version").is_string());
  EXPECT_EQ(body.at("layout"), "tp2pp1");
  EXPECT_EQ(body.at("ranks").at(0).at("bytes_read"), 17);
  EXPECT_EQ(body.at("ranks").at(0).at("state"), "loading");
}

TEST(ApiPages, WrongMethodsNameTheRightOnesAndUnknownPathsAre404) {
  Endpoint endpoint;
  const auto allow = [&] {
    for (const http::Header& header : endpoint.out.head.headers) {
      if (header.name == "Allow") return header.value;
    }
    return std::string();
  };
  endpoint.send("GET", "/v1/chat/completions");
  EXPECT_EQ(endpoint.out.status, 405);
  EXPECT_EQ(allow(), "POST");
  endpoint.send("DELETE", "/v1/models");
  EXPECT_EQ(endpoint.out.status, 405);
  EXPECT_EQ(allow(), "GET, HEAD");
  for (const char* path : {"/", "/v1", "/v1/models/", "/v1/embeddings/x", "/v1/completions/x", "/metrics/", ""}) {
    endpoint.send("GET", path);
    EXPECT_EQ(endpoint.out.status, 404) << path;
    fakes::error_of(endpoint.out.json());
  }
}

TEST(ApiPages, MetricsIsAPrometheusPage) {
  Endpoint endpoint;
  endpoint.send("GET", "/metrics");
  EXPECT_EQ(endpoint.out.status, 200);
  EXPECT_TRUE(endpoint.out.head.content_type.starts_with("text/plain; version=0.0.4"));
  EXPECT_NE(endpoint.out.body.find("vllm:num_requests_running"), std::string::npos);
}

RestConfig with_logits() {
  RestConfig config;
  config.allow_logits = true;
  return config;
}

void serve_rows(Endpoint& endpoint, std::optional<size_t> fail_after = std::nullopt) {
  endpoint.service.on_logits = [=](const LogitsRequest& request, fakes::ScriptedStream& stream) {
    for (size_t i = 0; i < request.rows.size(); ++i) {
      if (fail_after == i) return stream.fail(Error(Code::peer_lost, "rank 1 is gone"));
      stream.push(LogitsEvent{request.rows[i], std::vector<float>(259, static_cast<float>(request.rows[i]) + 0.5f)});
    }
    stream.end();
  };
}

TEST(ApiLogits, AreRefusedUnlessTheServerAllowsThem) {
  Endpoint endpoint;
  endpoint.send("POST", "/yoke/v1/logits", R"({"tokens":[1],"rows":[0]})");
  EXPECT_EQ(endpoint.out.status, 403);
  EXPECT_NE(std::string(fakes::error_of(endpoint.out.json()).at("message").as_string()).find("--allow-logits"), std::string::npos);
}

TEST(ApiLogits, RowsComeInOrderAsLittleEndianFloats) {
  Endpoint endpoint(with_logits());
  serve_rows(endpoint);
  endpoint.send("POST", "/yoke/v1/logits", R"({"tokens":[1,2,3,4],"rows":[1,3],"prefill":2,"chunk":1})");
  ASSERT_TRUE(endpoint.out.finished) << endpoint.out.body;
  EXPECT_EQ(endpoint.out.head.content_type, "application/octet-stream");
  EXPECT_EQ(endpoint.out.head.headers.at(0).name, "x-yoke-vocab");
  EXPECT_EQ(endpoint.out.head.headers.at(0).value, "259");
  ASSERT_EQ(endpoint.out.body.size(), 2u * 259u * 4u);
  const unsigned char first[4] = {0x00, 0x00, 0xc0, 0x3f};  // 1.5f
  EXPECT_EQ(std::memcmp(endpoint.out.body.data(), first, 4), 0);
  const LogitsRequest& request = endpoint.service.logits_requests.at(0);
  EXPECT_EQ(request.prefill, 2);
  EXPECT_EQ(request.chunk, 1);
}

TEST(ApiLogits, AnErrorBeforeTheFirstRowIsJsonAndALaterOneBreaksTheConnection) {
  Endpoint endpoint(with_logits());
  serve_rows(endpoint, 0);
  endpoint.send("POST", "/yoke/v1/logits", R"({"tokens":[1,2],"rows":[0,1]})");
  EXPECT_EQ(endpoint.out.status, 503);
  EXPECT_EQ(fakes::error_of(endpoint.out.json()).at("code"), "peer_lost");
  serve_rows(endpoint, 1);
  endpoint.send("POST", "/yoke/v1/logits", R"({"tokens":[1,2],"rows":[0,1]})");
  EXPECT_TRUE(endpoint.out.aborted);
  EXPECT_FALSE(endpoint.out.finished);
}

TEST(ApiLogits, MissingAndStrangeRowsAreNeverACompleteAnswer) {
  Endpoint endpoint(with_logits());
  endpoint.service.on_logits = [](const LogitsRequest&, fakes::ScriptedStream& stream) {
    stream.push(LogitsEvent{0, std::vector<float>(259)});
    stream.end();
  };
  endpoint.send("POST", "/yoke/v1/logits", R"({"tokens":[1,2],"rows":[0,1]})");
  EXPECT_TRUE(endpoint.out.aborted);
  endpoint.service.on_logits = [](const LogitsRequest&, fakes::ScriptedStream& stream) {
    stream.push(LogitsEvent{0, std::vector<float>(7)});
    stream.end();
  };
  endpoint.send("POST", "/yoke/v1/logits", R"({"tokens":[1,2],"rows":[0]})");
  EXPECT_EQ(endpoint.out.status, 500);
}

TEST(ApiLogits, EveryBadFieldIsNamed) {
  Endpoint endpoint(with_logits());
  const std::pair<const char*, const char*> kBad[] = {
      {R"({"rows":[0]})", "tokens"},
      {R"({"tokens":[],"rows":[0]})", "tokens"},
      {R"({"tokens":"x","rows":[0]})", "tokens"},
      {R"({"tokens":[259],"rows":[0]})", "tokens[0]"},
      {R"({"tokens":[1.5],"rows":[0]})", "tokens[0]"},
      {R"({"tokens":[1]})", "rows"},
      {R"({"tokens":[1],"rows":[]})", "rows"},
      {R"({"tokens":[1],"rows":[1]})", "rows[0]"},
      {R"({"tokens":[1],"rows":[-1]})", "rows[0]"},
      {R"({"tokens":[1,2,3],"rows":[1,1]})", "rows[1]"},
      {R"({"tokens":[1,2,3],"rows":[2,1]})", "rows"},
      {R"({"tokens":[1],"rows":["0"]})", "rows[0]"},
      {R"({"tokens":[1],"rows":[0],"prefill":0})", "prefill"},
      {R"({"tokens":[1],"rows":[0],"prefill":2})", "prefill"},
      {R"({"tokens":[1],"rows":[0],"chunk":-1})", "chunk"},
      {R"({"tokens":[1],"rows":[0],"chunk":"x"})", "chunk"},
      {R"({"tokens":[1],"rows":[0],"model":"x"})", "model"},
      {R"([])", "body"},
  };
  for (const auto& [body, param] : kBad) {
    endpoint.send("POST", "/yoke/v1/logits", body);
    EXPECT_EQ(endpoint.out.status, 400) << body;
    EXPECT_EQ(fakes::error_of(endpoint.out.json()).at("param"), param) << body;
  }
  std::string many = "[1";
  for (int i = 0; i < 200; ++i) many += ",1";
  endpoint.send("POST", "/yoke/v1/logits", R"({"tokens":)" + many + R"(],"rows":[0]})");
  EXPECT_EQ(fakes::error_of(endpoint.out.json()).at("code"), "context_length_exceeded");
}

}  // namespace
}  // namespace yoke::coordinator::api
