// The control channel over loopback sockets: what the drivers do with good peers and bad ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <functional>

#include "transport/control/channel.h"
#include "transport/control/framing.h"

namespace yoke::transport {
namespace {

using boost::asio::ip::tcp;
using std::chrono::milliseconds;
using testing::HasSubstr;

class ControlChannel : public testing::Test {
 protected:
  // Runs callbacks until `done`, for at most ten seconds.
  void run_until(const std::function<bool()>& done) {
    const TimePoint end = system_clock().now() + std::chrono::seconds(10);
    while (!done()) {
      ASSERT_LT(system_clock().now(), end) << "the event did not come";
      context_.restart();
      context_.run_one_for(milliseconds(100));
    }
  }

  void listen(const ChannelLimits& limits = {}) {
    listener_.emplace(context_, ListenerConfig{.limits = limits}, [this](std::shared_ptr<Channel> channel, proto::Hello hello) {
      at_coordinator_ = std::move(channel);
      hello_ = std::move(hello);
    });
  }

  void connect_agent(const ChannelLimits& limits = {}) {
    ConnectConfig config{.host = "127.0.0.1", .port = listener_->port(), .limits = limits};
    config.hello.set_pid(77);
    connect(context_, config, [this](std::shared_ptr<Channel> channel, const Error* error) {
      at_agent_ = std::move(channel);
      if (error) refused_ = *error;
    });
    run_until([&] { return refused_ || (at_agent_ && at_coordinator_); });
  }

  tcp::socket raw_connection() {
    tcp::socket socket(context_);
    socket.connect({boost::asio::ip::make_address("127.0.0.1"), listener_->port()});
    return socket;
  }

  // Until the coordinator's end closes it; gives what it said before.
  std::string read_to_the_end(tcp::socket& socket) {
    std::string all;
    bool ended = false;
    std::array<char, 4096> chunk;
    std::function<void()> read = [&] {
      socket.async_read_some(boost::asio::buffer(chunk), [&](const boost::system::error_code& error, size_t bytes) {
        all.append(chunk.data(), bytes);
        error ? void(ended = true) : read();
      });
    };
    read();
    run_until([&] { return ended; });
    return all;
  }

  boost::asio::io_context context_;
  std::optional<Listener> listener_;
  std::shared_ptr<Channel> at_coordinator_, at_agent_;
  proto::Hello hello_;
  std::optional<Error> refused_;
};

proto::Envelope loaded(uint64_t blocks) {
  proto::Envelope envelope;
  envelope.mutable_loaded()->set_kv_blocks(blocks);
  return envelope;
}

TEST_F(ControlChannel, CarriesFramesBothWaysAfterTheHandshake) {
  listen();
  connect_agent();
  ASSERT_TRUE(at_agent_ && at_coordinator_);
  EXPECT_EQ(hello_.pid(), 77);
  EXPECT_EQ(hello_.protocol(), kProtocolVersion);

  at_agent_->send(loaded(5));  // before anyone started to listen to it: kept
  uint64_t blocks = 0;
  std::string reason;
  at_coordinator_->start({.on_message = [&](proto::Envelope e) { blocks = e.loaded().kv_blocks(); }});
  at_agent_->start({.on_message = [&](proto::Envelope e) { reason = e.shutdown().reason(); }});
  proto::Envelope shutdown;
  shutdown.mutable_shutdown()->set_reason("done");
  at_coordinator_->send(shutdown);
  run_until([&] { return blocks == 5 && reason == "done"; });
}

TEST_F(ControlChannel, TellsTheReasonWhenOneSideCloses) {
  listen();
  connect_agent();
  std::optional<Error> at_agent, at_coordinator;
  at_agent_->start({.on_closed = [&](const Error& e) { at_agent = e; }});
  at_coordinator_->start({.on_closed = [&](const Error& e) { at_coordinator = e; }});
  at_coordinator_->close(Error{Code::overloaded, "all 2 ranks are taken"});
  EXPECT_FALSE(at_coordinator) << "callbacks come after the call";
  run_until([&] { return at_agent && at_coordinator; });
  EXPECT_EQ(at_agent->code(), Code::overloaded);
  EXPECT_STREQ(at_agent->what(), "all 2 ranks are taken");
}

TEST_F(ControlChannel, NoticesThatAPeerLetGo) {
  listen();
  connect_agent();
  std::optional<Error> lost;
  at_coordinator_->start({.on_closed = [&](const Error& e) { lost = e; }});
  at_agent_.reset();
  run_until([&] { return lost.has_value(); });
}

TEST_F(ControlChannel, HeartbeatsKeepASilentChannelOpenAndSayWhatTheirOwnerFills) {
  const ChannelLimits quick{.heartbeat = milliseconds(20), .silence = milliseconds(200)};
  listen(quick);
  connect_agent(quick);
  int heard = 0;
  bool closed = false;
  at_agent_->start({.on_closed = [&](const Error&) { closed = true; },
                    .fill_heartbeat = [](proto::Heartbeat& h) { h.set_bytes_read(99); }});
  at_coordinator_->start({.on_message = [&](proto::Envelope e) { heard += e.heartbeat().bytes_read() == 99; },
                          .on_closed = [&](const Error&) { closed = true; }});
  run_until([&] { return heard >= 20; });
  EXPECT_FALSE(closed);
}

TEST_F(ControlChannel, LosesAPeerThatFallsSilent) {
  listen({.heartbeat = milliseconds(20), .silence = milliseconds(200)});
  connect_agent({.heartbeat = std::chrono::hours(1), .silence = std::chrono::hours(1)});
  std::optional<Error> lost;
  at_coordinator_->start({.on_closed = [&](const Error& e) { lost = e; }});
  run_until([&] { return lost.has_value(); });
  EXPECT_EQ(lost->code(), Code::peer_lost);
  EXPECT_THAT(lost->what(), HasSubstr("silent"));
}

TEST_F(ControlChannel, ClosesOnGarbageAndStaysOpenForOthers) {
  listen();
  tcp::socket stranger = raw_connection();
  boost::asio::write(stranger, boost::asio::buffer(std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
  EXPECT_EQ(read_to_the_end(stranger), "");
  connect_agent();
  EXPECT_TRUE(at_agent_);
}

TEST_F(ControlChannel, RefusesABigFrameBeforeTheHandshakeByItsLength) {
  listen();
  tcp::socket stranger = raw_connection();
  const char header[] = {0, 0, 2, 0};  // 128 KiB: fine later, too much for a Hello
  boost::asio::write(stranger, boost::asio::buffer(header));
  EXPECT_EQ(read_to_the_end(stranger), "");
}

TEST_F(ControlChannel, RefusesAnotherVersionWithWords) {
  listen();
  tcp::socket stranger = raw_connection();
  proto::Envelope hello;
  hello.mutable_hello()->set_protocol(kProtocolVersion + 1);
  boost::asio::write(stranger, boost::asio::buffer(encode_frame(hello, kMaxFrameBytes)));
  const std::string answer = read_to_the_end(stranger);
  FrameReader reader(kMaxFrameBytes);
  reader.push({answer.data(), answer.size()});
  const auto frame = reader.next();
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->fault().code(), "unsupported");
  EXPECT_FALSE(at_coordinator_);
}

TEST_F(ControlChannel, DoesNotWaitForeverForAHello) {
  listen({.heartbeat = milliseconds(20), .handshake = milliseconds(100)});
  tcp::socket silent = raw_connection();
  tcp::socket slow = raw_connection();
  boost::asio::write(slow, boost::asio::buffer("\x20", 1));
  read_to_the_end(silent);
  read_to_the_end(slow);
}

TEST_F(ControlChannel, BoundsItsWriteQueueWhenThePeerDoesNotRead) {
  listen({.max_queue_bytes = 4u << 20, .busy_queue_bytes = 1u << 20});
  connect_agent();  // never start()ed: it reads nothing
  std::optional<Error> lost;
  at_coordinator_->start({.on_closed = [&](const Error& e) { lost = e; }});
  proto::Envelope big;
  big.mutable_shutdown()->set_reason(std::string(512u << 10, 'x'));
  bool was_busy = false;
  for (int i = 0; i < 100 && !lost; ++i) {
    at_coordinator_->send(big);
    was_busy |= at_coordinator_->busy();
    EXPECT_LE(at_coordinator_->queued_bytes(), 4u << 20);
    context_.poll();
  }
  run_until([&] { return lost.has_value(); });
  EXPECT_EQ(lost->code(), Code::overloaded);
  EXPECT_TRUE(was_busy);
}

TEST_F(ControlChannel, SaysWhenItsQueueHasDrained) {
  const ChannelLimits limits{.busy_queue_bytes = 1u << 20};
  listen(limits);
  connect_agent();
  int drained = 0, received = 0;
  at_coordinator_->start({.on_drained = [&] { ++drained; }});
  at_agent_->start({.on_message = [&](proto::Envelope e) { received += e.has_shutdown(); }});
  proto::Envelope big;
  big.mutable_shutdown()->set_reason(std::string(512u << 10, 'x'));
  for (int i = 0; i < 20; ++i) at_coordinator_->send(big);
  EXPECT_TRUE(at_coordinator_->busy());
  run_until([&] { return received == 20 && drained == 1; });
  EXPECT_FALSE(at_coordinator_->busy());
}

TEST_F(ControlChannel, AChannelCanBeClosedAndDroppedInsideItsOwnCallback) {
  listen();
  connect_agent();
  bool called = false;
  at_agent_->start({.on_message = [&](proto::Envelope) {
    called = true;
    at_agent_->close(Error{Code::aborted, "enough"});
    at_agent_.reset();
  }});
  std::optional<Error> at_coordinator;
  at_coordinator_->start({.on_closed = [&](const Error& e) { at_coordinator = e; }});
  proto::Envelope shutdown;
  shutdown.mutable_shutdown();
  at_coordinator_->send(shutdown);
  run_until([&] { return at_coordinator.has_value(); });
  EXPECT_TRUE(called);
  EXPECT_STREQ(at_coordinator->what(), "enough");
}

TEST_F(ControlChannel, ToldThatNobodyListens) {
  listen();
  const uint16_t port = listener_->port();
  listener_.reset();
  std::optional<Error> refused;
  connect(context_, {.host = "127.0.0.1", .port = port}, [&](auto, const Error* error) { refused = *error; });
  run_until([&] { return refused.has_value(); });
  EXPECT_EQ(refused->code(), Code::peer_lost);
  EXPECT_THAT(refused->what(), HasSubstr(std::to_string(port)));
}

TEST_F(ControlChannel, RefusesAddressesThatAreNotLoopback) {
  for (const char* host : {"0.0.0.0", "192.168.1.5", "10.0.0.1", "::", "example.org", "127.0.0.1.example"}) {
    try {
      Listener listener(context_, {.host = host}, nullptr);
      ADD_FAILURE() << host << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::invalid_argument) << host;
      EXPECT_THAT(error.what(), HasSubstr("TLS"));
    }
  }
  EXPECT_NO_THROW(require_loopback("127.0.0.9", ""));
  EXPECT_NO_THROW(require_loopback("::1", ""));
  EXPECT_NO_THROW(require_loopback("localhost", ""));
}

TEST_F(ControlChannel, APortInUseIsUnavailable) {
  listen();
  try {
    Listener second(context_, {.port = listener_->port()}, nullptr);
    ADD_FAILURE() << "two listeners on one port";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::unavailable);
  }
}

TEST(HostPort, ReadsAddressesAndSaysWhatIsWrong) {
  EXPECT_EQ(parse_host_port("127.0.0.1:8001", "x").text(), "127.0.0.1:8001");
  EXPECT_EQ(parse_host_port("[::1]:8001", "x").host, "::1");
  EXPECT_EQ(parse_host_port("[::1]:8001", "x").text(), "[::1]:8001");
  EXPECT_EQ(parse_host_port(":8001", "x").host, "127.0.0.1");
  for (const char* wrong : {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:80x", "::1:8001", "a:-1"}) {
    try {
      parse_host_port(wrong, "coordinator");
      ADD_FAILURE() << wrong << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.param(), "coordinator") << wrong;
    }
  }
}

}  // namespace
}  // namespace yoke::transport
