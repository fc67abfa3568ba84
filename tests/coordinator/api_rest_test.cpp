// The whole endpoint over sockets: what needs HTTP and the API together.
#include <gtest/gtest.h>

#include <chrono>

#include "coordinator/api/rest.h"
#include "tests/coordinator/api_fakes.h"
#include "tests/coordinator/http_raw_client.h"

namespace yoke::coordinator::api {
namespace {

using fakes::ScriptedService;
using fakes::ScriptedStream;
using http::RawClient;
using std::chrono::milliseconds;

struct Site {
  explicit Site(const RestConfig& config) : rest(config, model, service, metrics) {}
  ServedModel model = fakes::make_model();
  ScriptedService service;
  Metrics metrics{"tiny"};
  Rest rest;
};

RestConfig any_port() {
  RestConfig config;
  config.port = 0;
  return config;
}

std::string post(const std::string& path, const std::string& body) {
  return "POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

const std::string kStreamedChat =
    post("/v1/chat/completions", R"({"model":"tiny","stream":true,"messages":[{"role":"user","content":"Hi"}]})");

TEST(ApiRest, StreamsAChatOverASocket) {
  Site site(any_port());
  RawClient client(site.rest.port());
  ASSERT_TRUE(client.send(kStreamedChat));
  const auto stream = site.service.wait_for_stream();
  ASSERT_NE(stream, nullptr);
  stream->say("Hi");
  EXPECT_NE(client.read_until("\"content\":\"i\"").find("\"role\":\"assistant\""), std::string::npos);
  stream->end();
  EXPECT_NE(client.read_until("0\r\n\r\n").find("data: [DONE]\n\n"), std::string::npos);
}

TEST(ApiRest, AClientThatLeavesBeforeTheFirstTokenIsCancelledAtOnce) {
  Site site(any_port());
  RawClient client(site.rest.port());
  ASSERT_TRUE(client.send(kStreamedChat));
  const auto stream = site.service.wait_for_stream();
  ASSERT_NE(stream, nullptr);
  client.close();
  EXPECT_TRUE(stream->wait_until_cancelled());
}

TEST(ApiRest, AClientThatLeavesInMidStreamIsCancelledAtOnce) {
  Site site(any_port());
  RawClient client(site.rest.port());
  ASSERT_TRUE(client.send(kStreamedChat));
  const auto stream = site.service.wait_for_stream();
  ASSERT_NE(stream, nullptr);
  stream->say("Hi");
  client.read_until("\"content\":\"i\"");
  client.close();
  EXPECT_TRUE(stream->wait_until_cancelled());
}

TEST(ApiRest, ASlowReaderLeavesEventsWithTheScheduler) {
  RestConfig config = any_port();
  config.write_timeout = milliseconds(700);
  Site site(config);
  RawClient client(site.rest.port(), 4096);
  ASSERT_TRUE(client.send(kStreamedChat));
  const auto stream = site.service.wait_for_stream();
  ASSERT_NE(stream, nullptr);
  // As the scheduler does: it makes a token only while fewer than kMaxPending wait. The test's model has no end.
  size_t made = 0, full = 0;
  const TokenEvent token{.token = 'x', .logprob = 0, .top = {}};
  while (!stream->cancelled() && made < 10'000'000) {
    if (stream->push(token)) {
      ++made;
    } else {
      ++full;
      stream->wait_for_room();
    }
  }
  EXPECT_TRUE(stream->cancelled()) << "cut off by write_timeout";
  EXPECT_GT(full, 0u);
  EXPECT_LT(made, 200'000u) << "kernel buffers hold some tens of thousands of events; memory of ours holds none";
}

TEST(ApiRest, KeepAliveCommentsComeWhileThePromptIsRead) {
  RestConfig config = any_port();
  config.keep_alive = milliseconds(50);
  Site site(config);
  RawClient client(site.rest.port());
  ASSERT_TRUE(client.send(kStreamedChat));
  EXPECT_NE(client.read_until(": keep-alive\n\n").find("200 OK"), std::string::npos);
}

TEST(ApiRest, StopEndsAStreamWithAnErrorEventWithinTwoSeconds) {
  Site site(any_port());
  RawClient client(site.rest.port());
  ASSERT_TRUE(client.send(kStreamedChat));
  const auto stream = site.service.wait_for_stream();
  ASSERT_NE(stream, nullptr);
  stream->say("H");
  client.read_until("\"content\":\"H\"");
  const TimePoint begin = system_clock().now();
  site.rest.stop();
  EXPECT_LT(system_clock().now() - begin, std::chrono::seconds(2));
  const std::string rest = client.read_to_end();
  EXPECT_NE(rest.find("data: {\"error\":"), std::string::npos);
  EXPECT_EQ(rest.find("[DONE]"), std::string::npos);
  EXPECT_TRUE(stream->cancelled());
}

TEST(ApiRest, ATooLargeBodyIsA413InOpenAisShape) {
  RestConfig config = any_port();
  config.max_body_bytes = 1000;
  Site site(config);
  RawClient client(site.rest.port());
  client.send(post("/v1/completions", std::string(5000, ' ')));
  const std::string response = client.read_to_end();
  EXPECT_NE(response.find("413"), std::string::npos);
  EXPECT_NE(response.find("\"code\":\"too_large\""), std::string::npos);
}

TEST(ApiRest, AHostThatIsNotLoopbackNeedsKeys) {
  RestConfig config = any_port();
  config.host = "0.0.0.0";
  try {
    Site site(config);
    FAIL() << "everybody would be let in";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid_argument);
    EXPECT_EQ(error.param(), "host");
    EXPECT_NE(std::string(error.what()).find("--api-key-file"), std::string::npos);
  }
}

TEST(ApiRest, LogitsThatFailInTheMiddleEndWithoutATerminator) {
  RestConfig config = any_port();
  config.allow_logits = true;
  Site site(config);
  site.service.on_logits = [](const LogitsRequest&, ScriptedStream& stream) {
    stream.push(LogitsEvent{0, std::vector<float>(259)});
    stream.fail(Error(Code::peer_lost, "rank 1 is gone"));
  };
  RawClient client(site.rest.port());
  ASSERT_TRUE(client.send(post("/yoke/v1/logits", R"({"tokens":[1,2],"rows":[0,1]})")));
  EXPECT_EQ(client.read_to_end().find("\r\n0\r\n\r\n"), std::string::npos);
  EXPECT_TRUE(client.closed());
}

}  // namespace
}  // namespace yoke::coordinator::api
