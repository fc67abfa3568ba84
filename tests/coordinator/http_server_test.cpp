// The server over real sockets: limits, order, and clients that misbehave. Its answers are a test's own.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <thread>
#include <vector>

#include "coordinator/http/server.h"
#include "core/error.h"
#include "tests/coordinator/http_raw_client.h"

namespace yoke::coordinator::http {
namespace {

using std::chrono::milliseconds;

// What a test waits for with a deadline instead of sleeping.
class Counter {
 public:
  void add() {
    std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  int get() const {
    std::lock_guard lock(mutex_);
    return count_;
  }
  bool reaches(int wanted, Duration within = std::chrono::seconds(10)) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, within, [&] { return count_ >= wanted; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

struct Desk;

// /wait: answers when told to. /flood: writes 64 KiB a turn, for ever. /abort: half a stream.
class TestAnswer : public Answer {
 public:
  TestAnswer(Desk& desk, Request request, Waker wake);
  ~TestAnswer() override;
  void advance(Turn turn, Responder& out) override;

 private:
  Desk& desk_;
  Request request_;
  Waker wake_;
  bool begun_ = false;
};

struct Desk : Handler {
  std::optional<Response> admit(const Request& head) override {
    if (head.path != "/refused") return std::nullopt;
    return refusal(404, "refused");
  }
  std::unique_ptr<Answer> handle(Request request, Waker wake) override {
    handled.add();
    if (request.path == "/echo") {
      return make_answer({.content_type = "text/plain", .headers = {}, .body = request.method + ":" + request.query + ":" + request.body});
    }
    std::lock_guard lock(mutex);
    wakers.push_back(wake);
    return std::make_unique<TestAnswer>(*this, std::move(request), wake);
  }
  Response refusal(int status, std::string_view why) override {
    return {.status = status, .content_type = "text/plain", .headers = {}, .body = std::string(why)};
  }
  void answered(int status) override {
    std::lock_guard lock(mutex);
    statuses.push_back(status);
  }
  void wake_all() {
    std::lock_guard lock(mutex);
    for (const Waker& wake : wakers) wake();
  }

  std::mutex mutex;
  std::vector<Waker> wakers;
  std::vector<int> statuses;
  Counter handled, gone, quiet, turns;
  std::atomic<bool> done{false};
};

TestAnswer::TestAnswer(Desk& desk, Request request, Waker wake) : desk_(desk), request_(std::move(request)), wake_(std::move(wake)) {}
TestAnswer::~TestAnswer() { desk_.gone.add(); }

void TestAnswer::advance(Turn turn, Responder& out) {
  desk_.turns.add();
  if (turn == Turn::quiet) desk_.quiet.add();
  if (request_.path == "/throw") throw Error(Code::internal, "thrown on purpose");
  if (request_.path == "/wait") {
    if (desk_.done || turn == Turn::stopping) out.respond({.content_type = "text/plain", .headers = {}, .body = "done"});
    return;
  }
  if (!begun_) out.begin_stream({.content_type = "text/plain", .headers = {}, .body = {}});
  begun_ = true;
  if (request_.path == "/abort") {
    out.write("half");
    return out.abort();
  }
  if (request_.path == "/stream") {
    if (turn == Turn::quiet) out.write(": quiet\n");
    if (turn == Turn::woken) out.write("woken\n");
    if (desk_.done) {
      out.write("last");
      out.finish();
    }
    if (turn == Turn::stopping) {
      out.write("stopping");
      out.finish();
    }
    return;
  }
  out.write(std::string(64 << 10, 'x'));  // /flood
  wake_();
}

Limits quick() {
  return {.body_bytes = 1000,
          .header_bytes = 1000,
          .connections = 4,
          .header_timeout = milliseconds(200),
          .body_timeout = milliseconds(300),
          .write_timeout = milliseconds(300),
          .quiet = milliseconds(50),
          .idle_timeout = milliseconds(400)};
}

Limits patient() {
  Limits limits = quick();
  limits.header_timeout = limits.body_timeout = limits.write_timeout = limits.idle_timeout = std::chrono::seconds(20);
  limits.quiet = std::chrono::seconds(20);
  return limits;
}

struct Site {
  explicit Site(const Limits& limits) : server("127.0.0.1", 0, limits, desk) {}
  Desk desk;
  Server server;
};

std::string get(const std::string& path, const std::string& headers = {}) {
  return "GET " + path + " HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n";
}
std::string post(const std::string& path, const std::string& body, const std::string& headers = {}) {
  return "POST " + path + " HTTP/1.1\r\nHost: h\r\n" + headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
int status_of(const std::string& response) {
  return response.starts_with("HTTP/1.1 ") ? std::stoi(response.substr(9, 3)) : 0;
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  Site site(patient());
  RawClient client(site.server.port());
  ASSERT_TRUE(client.send(post("/echo?1", "a") + get("/echo?2") + post("/echo?3", "c", "Connection: close\r\n")));
  const std::string all = client.read_to_end();
  const size_t first = all.find("POST:1:a"), second = all.find("GET:2:"), third = all.find("POST:3:c");
  ASSERT_NE(first, std::string::npos) << all;
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_NE(third, std::string::npos);
  EXPECT_NE(all.rfind("Connection: close"), std::string::npos);
}

TEST(HttpServer, PipelinedRequestsWaitForASlowAnswer) {
  Site site(patient());
  RawClient client(site.server.port());
  ASSERT_TRUE(client.send(get("/wait")));
  ASSERT_TRUE(site.desk.handled.reaches(1));
  ASSERT_TRUE(client.send(get("/echo?later")));
  site.desk.done = true;
  site.desk.wake_all();
  EXPECT_NE(client.read_response().find("done"), std::string::npos);
  EXPECT_NE(client.read_response().find("GET:later:"), std::string::npos);
}

TEST(HttpServer, HttpOneZeroClosesUnlessAskedNotTo) {
  Site site(patient());
  RawClient client(site.server.port());
  ASSERT_TRUE(client.send("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  EXPECT_NE(client.read_response().find("Connection: keep-alive"), std::string::npos);
  ASSERT_TRUE(client.send("GET /echo HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(status_of(client.read_to_end()), 200);
  EXPECT_TRUE(client.closed());
}

TEST(HttpServer, AStreamToHttpOneZeroEndsWithTheConnection) {
  Site site(patient());
  site.desk.done = true;
  RawClient client(site.server.port());
  ASSERT_TRUE(client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  const std::string all = client.read_to_end();
  EXPECT_EQ(all.find("chunked"), std::string::npos);
  EXPECT_TRUE(all.ends_with("\r\n\r\nlast")) << all;
}

TEST(HttpServer, AStreamIsChunkedAndTheConnectionGoesOn) {
  Site site(patient());
  RawClient client(site.server.port());
  ASSERT_TRUE(client.send(get("/stream")));
  EXPECT_NE(client.read_until("\r\n\r\n").find("Transfer-Encoding: chunked"), std::string::npos);
  site.desk.wake_all();
  EXPECT_EQ(client.read_until("woken\n\r\n"), "6\r\nwoken\n\r\n");
  site.desk.done = true;
  site.desk.wake_all();
  EXPECT_EQ(client.read_until("0\r\n\r\n"), "6\r\nwoken\n\r\n4\r\nlast\r\n0\r\n\r\n");
  ASSERT_TRUE(client.send(get("/echo?again")));
  EXPECT_NE(client.read_response().find("GET:again:"), std::string::npos);
}

TEST(HttpServer, HeadHasNoBody) {
  Site site(patient());
  RawClient client(site.server.port());
  ASSERT_TRUE(client.send("HEAD /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  const std::string all = client.read_to_end();
  EXPECT_NE(all.find("Content-Length: 6"), std::string::npos);
  EXPECT_TRUE(all.ends_with("\r\n\r\n"));
}

TEST(HttpServer, SaysContinueOnlyToWhatItWillRead) {
  Site site(patient());
  RawClient client(site.server.port());
  ASSERT_TRUE(client.send("POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(client.send("hi"));
  EXPECT_NE(client.read_response().find("POST::hi"), std::string::npos);
  ASSERT_TRUE(client.send("POST /refused HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
  EXPECT_EQ(status_of(client.read_response()), 404);
  RawClient large(site.server.port());
  ASSERT_TRUE(large.send("POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2000\r\n\r\n"));
  EXPECT_EQ(status_of(large.read_to_end()), 413);
}

TEST(HttpServer, ARefusalWithoutABodyToSkipKeepsTheConnection) {
  Site site(patient());
  RawClient client(site.server.port());
  ASSERT_TRUE(client.send(get("/refused") + get("/echo?next")));
  EXPECT_EQ(status_of(client.read_response()), 404);
  EXPECT_NE(client.read_response().find("GET:next:"), std::string::npos);
  EXPECT_EQ(site.desk.handled.get(), 1);
}

TEST(HttpServer, LimitsAnswerWithTheirStatusAndClose) {
  const std::pair<std::string, int> cases[] = {
      {get("/echo", "X: " + std::string(2000, 'x') + "\r\n"), 431},
      {"GET /" + std::string(100'000, 'x'), 431},
      {post("/echo", std::string(500'000, 'x')), 413},
      {"POST /echo HTTP/1.1\r\nHost: h\r\n\r\n", 411},
      {"\x16\x03\x01 this is not HTTP\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + std::string(2000, 'x') + "\r\n0\r\n\r\n", 413},
  };
  Site site(quick());
  for (const auto& [bytes, status] : cases) {
    RawClient client(site.server.port());
    client.send(bytes);
    const std::string all = client.read_to_end();
    EXPECT_EQ(status_of(all), status) << all.substr(0, 200);
    EXPECT_NE(all.find("Connection: close"), std::string::npos);
    EXPECT_TRUE(client.closed());
  }
  EXPECT_EQ(site.desk.handled.get(), 0);
}

TEST(HttpServer, AHeadThatTricklesIsCutOffInTime) {
  Site site(quick());
  RawClient client(site.server.port());
  const TimePoint begin = system_clock().now();
  ASSERT_TRUE(client.send("GET /echo HTTP/1.1\r\n"));
  std::atomic<bool> stop{false};
  std::thread trickle([&] {  // a byte now and then resets no timer
    while (!stop && client.send("X")) std::this_thread::sleep_for(milliseconds(20));
  });
  EXPECT_EQ(status_of(client.read_until("\r\n\r\n")), 408);
  EXPECT_LT(system_clock().now() - begin, std::chrono::seconds(2));
  stop = true;
  trickle.join();
}

TEST(HttpServer, ABodyThatNeverComesIsA408) {
  Site site(quick());
  RawClient client(site.server.port());
  ASSERT_TRUE(client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"));
  EXPECT_EQ(status_of(client.read_to_end()), 408);
}

TEST(HttpServer, SilentConnectionsAreClosed) {
  Site site(quick());
  RawClient fresh(site.server.port());
  EXPECT_EQ(fresh.read_to_end(), "");
  EXPECT_TRUE(fresh.closed());
  RawClient idle(site.server.port());
  ASSERT_TRUE(idle.send(get("/echo")));
  EXPECT_EQ(status_of(idle.read_response()), 200);
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_TRUE(idle.closed());
}

TEST(HttpServer, TooManyConnectionsGetA503AndPlacesComeBack) {
  Site site(patient());
  std::vector<std::unique_ptr<RawClient>> taken;
  for (int i = 0; i < 4; ++i) {
    taken.push_back(std::make_unique<RawClient>(site.server.port()));
    ASSERT_TRUE(taken.back()->send(get("/wait")));
  }
  ASSERT_TRUE(site.desk.handled.reaches(4));
  RawClient extra(site.server.port());
  extra.send(get("/echo"));
  EXPECT_EQ(status_of(extra.read_to_end()), 503);
  EXPECT_TRUE(extra.closed());
  taken.pop_back();
  ASSERT_TRUE(site.desk.gone.reaches(1));
  int status = 503;
  for (int i = 0; i < 100 && status == 503; ++i) {  // the place comes back a moment after the answer is gone
    RawClient next(site.server.port());
    next.send(get("/echo", "Connection: close\r\n"));
    next.half_close();
    status = status_of(next.read_to_end());
  }
  EXPECT_EQ(status, 200);
}

TEST(HttpServer, AClientThatGoesAwayIsNoticedWhileNothingIsSent) {
  Site site(patient());
  for (const char* path : {"/wait", "/stream"}) {
    const int before = site.desk.gone.get();
    const int handled = site.desk.handled.get();
    RawClient client(site.server.port());
    ASSERT_TRUE(client.send(get(path)));
    ASSERT_TRUE(site.desk.handled.reaches(handled + 1));
    client.close();
    EXPECT_TRUE(site.desk.gone.reaches(before + 1, std::chrono::seconds(2))) << path;
  }
}

TEST(HttpServer, AnAnswerToAClientThatOnlyHalfClosedStillArrives) {
  Site site(patient());
  RawClient client(site.server.port());
  ASSERT_TRUE(client.send(get("/echo?x")));
  client.half_close();
  EXPECT_NE(client.read_to_end().find("GET:x:"), std::string::npos);
}

TEST(HttpServer, ASlowReaderStopsTheAnswerAndIsCutOff) {
  Limits limits = quick();
  limits.write_timeout = milliseconds(500);
  Site site(limits);
  RawClient client(site.server.port(), 4096);
  ASSERT_TRUE(client.send(get("/flood")));
  EXPECT_TRUE(site.desk.gone.reaches(1)) << "cut off";
  // What the kernel takes on both sides; an answer that ran ahead would have had thousands of turns.
  EXPECT_LT(site.desk.turns.get(), 200);
}

TEST(HttpServer, AFloodingAnswersClientThatGoesAwayIsNoticed) {
  Site site(patient());
  RawClient client(site.server.port());
  ASSERT_TRUE(client.send(get("/flood")));
  ASSERT_TRUE(site.desk.turns.reaches(3));
  client.close();
  EXPECT_TRUE(site.desk.gone.reaches(1, std::chrono::seconds(2)));
}

TEST(HttpServer, QuietTurnsKeepAStreamAlive) {
  Site site(quick());
  RawClient client(site.server.port());
  ASSERT_TRUE(client.send(get("/stream")));
  EXPECT_NE(client.read_until(": quiet\n").find(": quiet\n"), std::string::npos);
  EXPECT_NE(client.read_until(": quiet\n").find(": quiet\n"), std::string::npos);
}

TEST(HttpServer, AnAbortedStreamHasNoTerminator) {
  Site site(patient());
  RawClient client(site.server.port());
  ASSERT_TRUE(client.send(get("/abort")));
  const std::string all = client.read_to_end();
  EXPECT_EQ(all.find("0\r\n\r\n"), std::string::npos) << all;
  EXPECT_TRUE(client.closed());
}

TEST(HttpServer, AnAnswerThatThrowsIsA500) {
  Site site(patient());
  RawClient client(site.server.port());
  ASSERT_TRUE(client.send(get("/throw")));
  EXPECT_EQ(status_of(client.read_response()), 500);
}

TEST(HttpServer, StopEndsOpenAnswersInTime) {
  Site site(patient());
  RawClient waiting(site.server.port()), streaming(site.server.port()), idle(site.server.port()), flooded(site.server.port());
  ASSERT_TRUE(waiting.send(get("/wait")));
  ASSERT_TRUE(streaming.send(get("/stream")));
  ASSERT_TRUE(flooded.send(get("/flood")));
  ASSERT_TRUE(site.desk.handled.reaches(3));
  const TimePoint begin = system_clock().now();
  site.server.stop();
  EXPECT_LT(system_clock().now() - begin, std::chrono::seconds(2));
  EXPECT_NE(waiting.read_to_end().find("done"), std::string::npos);
  EXPECT_NE(streaming.read_to_end().find("stopping"), std::string::npos);
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_EQ(site.desk.gone.get(), 3);
  site.desk.wake_all();  // late wakers find nobody
}

TEST(HttpServer, WakersMayBeCalledFromManyThreadsAtAnyTime) {
  Site site(patient());
  std::atomic<bool> stop{false};
  std::vector<std::thread> wakers;
  for (int i = 0; i < 2; ++i) {
    wakers.emplace_back([&] {
      while (!stop) {
        site.desk.wake_all();
        std::this_thread::yield();
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    RawClient client(site.server.port());
    ASSERT_TRUE(client.send(get("/stream")));
    EXPECT_NE(client.read_until("woken").find("woken"), std::string::npos);
  }
  stop = true;
  for (std::thread& waker : wakers) waker.join();
  EXPECT_TRUE(site.desk.gone.reaches(20));
}

TEST(HttpServer, APortInUseIsAnErrorWithARemedy) {
  Site site(patient());
  Desk desk;
  try {
    Server second("127.0.0.1", site.server.port(), patient(), desk);
    FAIL() << "the port is taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::unavailable);
    EXPECT_NE(std::string(error.what()).find(std::to_string(site.server.port())), std::string::npos);
  }
}

TEST(HttpServer, KnowsLoopback) {
  for (const char* host : {"127.0.0.1", "127.1.2.3", "::1", "localhost"}) EXPECT_TRUE(is_loopback(host)) << host;
  for (const char* host : {"0.0.0.0", "::", "10.0.0.1", "192.0.2.7"}) EXPECT_FALSE(is_loopback(host)) << host;
}

}  // namespace
}  // namespace yoke::coordinator::http
