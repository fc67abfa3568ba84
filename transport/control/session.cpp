#include "transport/control/session.h"

#include <fmt/format.h>

#include <algorithm>

namespace yoke::transport {
namespace {

using Body = proto::Envelope::BodyCase;

constexpr Body kFromAgent[] = {proto::Envelope::kLoadProgress, proto::Envelope::kLoaded,    proto::Envelope::kAddress,
                               proto::Envelope::kReady,        proto::Envelope::kLogitRows, proto::Envelope::kStepResult,
                               proto::Envelope::kHeartbeat,    proto::Envelope::kFault,     proto::Envelope::kShutdown};
constexpr Body kFromCoordinator[] = {proto::Envelope::kLoadModel, proto::Envelope::kForm,  proto::Envelope::kPeers,
                                     proto::Envelope::kStep,      proto::Envelope::kHeartbeat, proto::Envelope::kFault,
                                     proto::Envelope::kShutdown};

bool may_come_from(Role peer, Body body) {
  switch (peer) {
    case Role::agent: return std::ranges::find(kFromAgent, body) != std::end(kFromAgent);
    case Role::coordinator: return std::ranges::find(kFromCoordinator, body) != std::end(kFromCoordinator);
  }
  return false;
}

std::string body_name(const proto::Envelope& envelope) {
  const auto* field = proto::Envelope::descriptor()->FindFieldByNumber(envelope.body_case());
  return field ? field->name() : "nothing";
}

Role peer_of(Role role) { return role == Role::agent ? Role::coordinator : Role::agent; }

int64_t milliseconds(Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }

Error version_mismatch(uint32_t agents, const std::string& agents_release) {
  return Error{Code::unsupported,
               fmt::format("the agent (yoke {}) speaks version {} of the control protocol, this coordinator version {}; install the same "
                           "release of Yoke on every node",
                           agents_release.empty() ? "of unknown release" : agents_release, agents, kProtocolVersion)};
}

}  // namespace

proto::Envelope fault_envelope(const Error& error, bool fatal_to_epoch) {
  proto::Envelope envelope;
  proto::Fault& fault = *envelope.mutable_fault();
  fault.set_code(std::string(name(error.code())));
  fault.set_message(error.what());
  fault.set_param(error.param());
  fault.set_fatal_to_epoch(fatal_to_epoch);
  return envelope;
}

Error error_of(const proto::Fault& fault) { return Error{code_from_name(fault.code()), fault.message(), fault.param()}; }

Session::Session(SessionConfig config) : config_(std::move(config)) {}

Action Session::on(const SessionEvent& event, TimePoint now) {
  if (state_ == State::closed) return {};
  struct Visitor {
    Session& session;
    TimePoint now;
    Action operator()(const Opened&) { return session.opened(now); }
    Action operator()(const Received& e) { return session.received(e.envelope, now); }
    Action operator()(const Heard&) {
      session.heard_at_ = now;
      return {};
    }
    Action operator()(const Ticked&) { return session.ticked(now); }
    Action operator()(const Ended& e) { return session.ended(e.reason); }
    Action operator()(const CloseWanted& e) { return session.refuse(e.reason); }
  };
  return std::visit(Visitor{*this, now}, event);
}

Action Session::opened(TimePoint now) {
  opened_at_ = heard_at_ = heartbeat_at_ = ticked_at_ = now;
  Action action;
  if (config_.role == Role::agent) *action.send.emplace_back().mutable_hello() = config_.hello;
  return action;
}

Action Session::received(const proto::Envelope& envelope, TimePoint now) {
  heard_at_ = now;
  last_words_.reset();
  if (envelope.has_fault()) last_words_ = error_of(envelope.fault());
  if (state_ == State::opening) {
    return config_.role == Role::coordinator ? received_hello(envelope, now) : received_welcome(envelope, now);
  }
  if (!may_come_from(peer_of(config_.role), envelope.body_case())) {
    return refuse(Error{Code::invalid_argument, fmt::format("the peer sent {}, which is not its to send", body_name(envelope))});
  }
  Action action;
  action.deliver = envelope;
  return action;
}

Action Session::received_hello(const proto::Envelope& envelope, TimePoint now) {
  if (!envelope.has_hello()) {
    return refuse(Error{Code::invalid_argument, fmt::format("the first frame must be hello, not {}", body_name(envelope))});
  }
  const proto::Hello& hello = envelope.hello();
  if (hello.protocol() != kProtocolVersion) return refuse(version_mismatch(hello.protocol(), hello.yoke_version()));
  Action action = establish(envelope, now);
  proto::Welcome& welcome = *action.send.emplace_back().mutable_welcome();
  welcome.set_protocol(kProtocolVersion);
  welcome.set_heartbeat_ms(static_cast<uint32_t>(milliseconds(config_.limits.heartbeat)));
  return action;
}

Action Session::received_welcome(const proto::Envelope& envelope, TimePoint now) {
  if (envelope.has_fault()) return ended(*last_words_);
  if (!envelope.has_welcome()) {
    return refuse(Error{Code::invalid_argument, fmt::format("the coordinator's first frame must be welcome, not {}", body_name(envelope))});
  }
  return establish(envelope, now);
}

Action Session::establish(const proto::Envelope& envelope, TimePoint now) {
  state_ = State::established;
  heartbeat_at_ = now;
  Action action;
  action.established = true;
  action.deliver = envelope;
  return action;
}

Action Session::ticked(TimePoint now) {
  const ChannelLimits& limits = config_.limits;
  // A tick that comes late says that this process stood still: what the peer sent meanwhile may wait unread in the socket.
  if (now - ticked_at_ > limits.silence / 2) heard_at_ = std::max(heard_at_, now - limits.silence / 2);
  ticked_at_ = now;

  if (state_ == State::opening) {
    if (now - opened_at_ < limits.handshake) return {};
    return refuse(Error{Code::deadline_exceeded, fmt::format("no {} within {} ms", config_.role == Role::agent ? "welcome" : "hello",
                                                             milliseconds(limits.handshake))});
  }
  if (now - heard_at_ >= limits.silence) {
    return ended(Error{Code::peer_lost, fmt::format("silent for {} ms (heartbeats come every {} ms)", milliseconds(now - heard_at_),
                                                    milliseconds(limits.heartbeat))});
  }
  Action action;
  action.heartbeat = now - heartbeat_at_ >= limits.heartbeat;
  if (action.heartbeat) heartbeat_at_ = now;
  return action;
}

// The peer is gone or makes no sense to us: nothing more is said. Its own last words are a better reason than the end of the stream.
Action Session::ended(const Error& reason) {
  state_ = State::closed;
  Action action;
  action.close = last_words_ && reason.code() == Code::peer_lost ? *last_words_ : reason;
  return action;
}

// We end it, and say why.
Action Session::refuse(const Error& reason) {
  state_ = State::closed;
  Action action;
  action.send.push_back(fault_envelope(reason));
  action.close = reason;
  return action;
}

}  // namespace yoke::transport
