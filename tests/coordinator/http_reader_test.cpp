// Requests out of bytes, whole or in pieces, and everything that is none.
#include <gtest/gtest.h>

#include "coordinator/http/request_reader.h"

namespace yoke::coordinator::http {
namespace {

using State = RequestReader::State;

constexpr uint32_t kHeader = 512;
constexpr uint64_t kBody = 64;

State parse(RequestReader& reader, std::string& buffer) {
  State state = reader.parse(buffer);
  if (state == State::body) state = reader.parse(buffer);  // the head is reported once, before its body
  return state;
}

TEST(HttpReader, ReadsAWholeRequest) {
  RequestReader reader(kHeader, kBody);
  std::string buffer = "POST /v1/x?a=b HTTP/1.1\r\nHost: h\r\nX-Thing:  value \r\nContent-Length: 5\r\n\r\nhelloGET /next";
  ASSERT_EQ(reader.parse(buffer), State::body);
  EXPECT_EQ(reader.head().method, "POST");
  EXPECT_EQ(reader.head().path, "/v1/x");
  EXPECT_EQ(reader.head().query, "a=b");
  EXPECT_EQ(reader.head().header("x-thing"), "value");
  EXPECT_TRUE(reader.keep_alive());
  EXPECT_FALSE(reader.http_1_0());
  ASSERT_EQ(reader.parse(buffer), State::complete);
  EXPECT_EQ(reader.take().body, "hello");
  EXPECT_EQ(buffer, "GET /next") << "a pipelined request is left alone";
}

TEST(HttpReader, ReadsTheSameRequestByteByByte) {
  RequestReader reader(kHeader, kBody);
  const std::string all =
      "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;ext=1\r\nlo\r\n0\r\nTrailer: x\r\n\r\n";
  std::string buffer;
  State state = State::head;
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_NE(state, State::complete) << "before byte " << i;
    buffer += all[i];
    state = parse(reader, buffer);
    ASSERT_NE(state, State::failed) << "at byte " << i << ": " << reader.why();
  }
  ASSERT_EQ(state, State::complete);
  EXPECT_EQ(reader.take().body, "hello");
  EXPECT_TRUE(buffer.empty());
}

TEST(HttpReader, KnowsWhichConnectionsGoOn) {
  const std::pair<const char*, bool> cases[] = {{"GET / HTTP/1.1\r\n\r\n", true},
                                                {"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", false},
                                                {"GET / HTTP/1.0\r\n\r\n", false},
                                                {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
                                                {"\r\n\r\nGET / HTTP/1.1\r\n\r\n", true}};
  for (const auto& [text, keep] : cases) {
    RequestReader reader(kHeader, kBody);
    std::string buffer = text;
    EXPECT_EQ(parse(reader, buffer), State::complete) << text;
    EXPECT_EQ(reader.keep_alive(), keep) << text;
  }
}

TEST(HttpReader, TakesAProxysAbsoluteForm) {
  RequestReader reader(kHeader, kBody);
  std::string buffer = "GET http://host:80/v1/models?x HTTP/1.1\r\nHost: host\r\n\r\n";
  ASSERT_EQ(parse(reader, buffer), State::complete);
  EXPECT_EQ(reader.head().path, "/v1/models");
}

TEST(HttpReader, RefusesWhatIsNoRequestWithTheRightStatus) {
  const std::pair<std::string, int> cases[] = {
      {"garbage\r\n\r\n", 400},
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},
      {"GET / HTTP/9.9\r\n\r\n", 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nNoColon\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n\r\n", 411},
      {"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
      {"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nContent-Length: 65\r\n\r\n", 413},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 400},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n41\r\n" + std::string(65, 'x') + "\r\n0\r\n\r\n", 413},
      {"POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: a miracle\r\n\r\nx", 417},
      {"GET / HTTP/1.1\r\nX: " + std::string(600, 'x') + "\r\n\r\n", 431},
      {"GET /" + std::string(600, 'x'), 431},
  };
  for (const auto& [text, status] : cases) {
    RequestReader reader(kHeader, kBody);
    std::string buffer = text;
    EXPECT_EQ(parse(reader, buffer), State::failed) << text;
    EXPECT_EQ(reader.status(), status) << text << ": " << reader.why();
    EXPECT_FALSE(reader.why().empty());
  }
}

TEST(HttpReader, AHeadWithoutAnEndIsStoppedAtTheLimit) {
  RequestReader reader(kHeader, kBody);
  std::string buffer = "GET / HTTP/1.1\r\n";
  State state = State::head;
  size_t fed = 0;
  while (state == State::head && fed < 10 * kHeader) {
    buffer += "X: y\r\n";
    fed += 6;
    state = reader.parse(buffer);
  }
  EXPECT_EQ(state, State::failed);
  EXPECT_EQ(reader.status(), 431);
  EXPECT_LE(fed, kHeader + 64);
}

}  // namespace
}  // namespace yoke::coordinator::http
