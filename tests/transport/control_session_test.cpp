// Dialogues of the control channel, without sockets and with a clock that the test moves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "transport/control/session.h"

namespace yoke::transport {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

// One end, its clock, and what it is told.
struct End {
  explicit End(Role role) : session({.role = role, .hello = hello()}) { opened = tell(Opened{}); }

  static proto::Hello hello() {
    proto::Hello hello;
    hello.set_protocol(kProtocolVersion);
    hello.set_yoke_version("1.2.3");
    hello.set_pid(42);
    return hello;
  }
  Action tell(const SessionEvent& event) { return session.on(event, now); }
  Action receive(proto::Envelope envelope) { return tell(Received{std::move(envelope)}); }
  // Time passes as the driver sees it: a tick every 250 ms.
  Action pass(milliseconds time) {
    Action last;
    for (milliseconds done{0}; done < time; done += milliseconds(250)) {
      now += milliseconds(250);
      last = tell(Ticked{});
      heartbeats += last.heartbeat;
      if (last.close) break;
    }
    return last;
  }

  Session session;
  TimePoint now{std::chrono::hours(1)};
  Action opened;
  int heartbeats = 0;
};

proto::Envelope hello_frame(uint32_t protocol = kProtocolVersion) {
  proto::Envelope envelope;
  *envelope.mutable_hello() = End::hello();
  envelope.mutable_hello()->set_protocol(protocol);
  return envelope;
}
proto::Envelope welcome_frame() {
  proto::Envelope envelope;
  envelope.mutable_welcome()->set_protocol(kProtocolVersion);
  return envelope;
}
proto::Envelope heartbeat_frame() {
  proto::Envelope envelope;
  envelope.mutable_heartbeat();
  return envelope;
}
proto::Envelope step_frame() {
  proto::Envelope envelope;
  envelope.mutable_step()->set_id(1);
  return envelope;
}

End established(Role role) {
  End end(role);
  EXPECT_TRUE(end.receive(role == Role::coordinator ? hello_frame() : welcome_frame()).established);
  return end;
}

TEST(Session, ShakesHandsHelloFirst) {
  End agent(Role::agent), coordinator(Role::coordinator);
  ASSERT_EQ(agent.opened.send.size(), 1u);
  EXPECT_TRUE(coordinator.opened.send.empty());

  const Action answer = coordinator.receive(agent.opened.send[0]);
  EXPECT_TRUE(answer.established);
  EXPECT_EQ(answer.deliver->hello().pid(), 42);
  ASSERT_EQ(answer.send.size(), 1u);

  const Action done = agent.receive(answer.send[0]);
  EXPECT_TRUE(done.established);
  EXPECT_TRUE(agent.session.established() && coordinator.session.established());
}

TEST(Session, RefusesAnotherVersionNamingBoth) {
  End coordinator(Role::coordinator);
  const Action action = coordinator.receive(hello_frame(kProtocolVersion + 6));
  ASSERT_TRUE(action.close.has_value());
  EXPECT_EQ(action.close->code(), Code::unsupported);
  EXPECT_THAT(action.close->what(), HasSubstr(std::to_string(kProtocolVersion + 6)));
  EXPECT_THAT(action.close->what(), HasSubstr("coordinator version " + std::to_string(kProtocolVersion)));

  // The agent hears the same words.
  End agent(Role::agent);
  ASSERT_EQ(action.send.size(), 1u);
  const Action heard = agent.receive(action.send[0]);
  ASSERT_TRUE(heard.close.has_value());
  EXPECT_EQ(heard.close->code(), Code::unsupported);
  EXPECT_STREQ(heard.close->what(), action.close->what());
}

TEST(Session, TakesNothingBeforeHello) {
  for (const proto::Envelope& early : {heartbeat_frame(), step_frame(), welcome_frame()}) {
    End coordinator(Role::coordinator);
    const Action action = coordinator.receive(early);
    ASSERT_TRUE(action.close.has_value());
    EXPECT_FALSE(action.deliver.has_value());
    EXPECT_THAT(action.close->what(), HasSubstr("hello"));
  }
}

TEST(Session, RefusesASecondHelloAndFramesOfTheWrongDirection) {
  for (const proto::Envelope& wrong : {hello_frame(), step_frame(), welcome_frame()}) {
    End coordinator = established(Role::coordinator);
    EXPECT_TRUE(coordinator.receive(wrong).close.has_value());
  }
  End agent = established(Role::agent);
  EXPECT_FALSE(agent.receive(step_frame()).close.has_value());
  proto::Envelope loaded;
  loaded.mutable_loaded();
  EXPECT_TRUE(agent.receive(loaded).close.has_value());
}

TEST(Session, EndsAHandshakeThatNobodyFinishes) {
  for (const Role role : {Role::coordinator, Role::agent}) {
    End end(role);
    EXPECT_FALSE(end.pass(milliseconds(4750)).close.has_value());
    const Action action = end.pass(milliseconds(250));
    ASSERT_TRUE(action.close.has_value());
    EXPECT_EQ(action.close->code(), Code::deadline_exceeded);
  }
}

TEST(Session, SendsAHeartbeatEvery500Milliseconds) {
  End end = established(Role::agent);
  for (int i = 0; i < 10; ++i) {
    end.pass(milliseconds(1000));
    end.receive(heartbeat_frame());
  }
  EXPECT_EQ(end.heartbeats, 20);
}

TEST(Session, LosesAPeerThatIsSilentForTwoSeconds) {
  End end = established(Role::coordinator);
  EXPECT_FALSE(end.pass(milliseconds(1750)).close.has_value());
  const Action action = end.pass(milliseconds(250));
  ASSERT_TRUE(action.close.has_value());
  EXPECT_EQ(action.close->code(), Code::peer_lost);
  EXPECT_THAT(action.close->what(), HasSubstr("2000 ms"));
  EXPECT_TRUE(end.session.closed());
}

TEST(Session, CountsTheBytesOfALongFrameAsLife) {
  End end = established(Role::coordinator);
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(end.pass(milliseconds(500)).close.has_value());
    end.tell(Heard{});
  }
}

TEST(Session, DoesNotBlameThePeerForItsOwnPause) {
  End end = established(Role::coordinator);
  end.pass(milliseconds(500));
  end.now += std::chrono::seconds(10);  // stopped by a debugger, starved
  EXPECT_FALSE(end.tell(Ticked{}).close.has_value());
  EXPECT_TRUE(end.pass(milliseconds(2000)).close.has_value()) << "but silence after it counts";
}

TEST(Session, RemembersThePeersLastWords) {
  End end = established(Role::agent);
  end.receive(fault_envelope(Error{Code::does_not_fit, "needs 3 GiB, has 2 GiB"}));
  const Action action = end.tell(Ended{Error{Code::peer_lost, "end of file"}});
  ASSERT_TRUE(action.close.has_value());
  EXPECT_EQ(action.close->code(), Code::does_not_fit);
  EXPECT_STREQ(action.close->what(), "needs 3 GiB, has 2 GiB");

  End other = established(Role::agent);
  other.receive(fault_envelope(Error{Code::does_not_fit, "an old story"}));
  other.receive(heartbeat_frame());
  EXPECT_STREQ(other.tell(Ended{Error{Code::peer_lost, "end of file"}}).close->what(), "end of file");
}

TEST(Session, SaysNothingAfterItsEnd) {
  End end = established(Role::coordinator);
  const Action closing = end.tell(CloseWanted{Error{Code::overloaded, "all ranks are taken"}});
  ASSERT_EQ(closing.send.size(), 1u);
  EXPECT_EQ(closing.send[0].fault().code(), "overloaded");
  for (const SessionEvent& event : {SessionEvent{Received{heartbeat_frame()}}, SessionEvent{Ticked{}}, SessionEvent{Opened{}},
                                    SessionEvent{Ended{Error{Code::peer_lost, ""}}}}) {
    const Action action = end.tell(event);
    EXPECT_TRUE(action.send.empty());
    EXPECT_FALSE(action.deliver || action.close || action.heartbeat || action.established);
  }
}

}  // namespace
}  // namespace yoke::transport
