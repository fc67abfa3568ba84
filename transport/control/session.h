// The rules of one connection of the control channel, as a state machine without I/O: tests write its dialogues, channel.cpp
// drives it. One thread.
//
//   opening      the agent has sent its Hello and waits for Welcome; the coordinator waits for Hello
//   established  frames flow, heartbeats both ways
//   closed       nothing is said any more
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "transport/control/control.pb.h"
#include "transport/control/limits.h"

namespace yoke::transport {

enum class Role { coordinator, agent };

struct SessionConfig {
  Role role = Role::coordinator;
  proto::Hello hello;  // of an agent
  ChannelLimits limits;
};

// What happened.
struct Opened {};                                   // the connection stands
struct Received { proto::Envelope envelope; };      // a whole frame came
struct Heard {};                                    // bytes came: a long frame on a slow road is a sign of life
struct Ticked {};                                   // time passed
struct Ended { Error reason; };                     // end of stream, socket error, bytes that are no frame
struct CloseWanted { Error reason; };               // our own side ends it
using SessionEvent = std::variant<Opened, Received, Heard, Ticked, Ended, CloseWanted>;

// What to do, in this order.
struct Action {
  std::vector<proto::Envelope> send;
  bool heartbeat = false;                // send one; the driver knows what it says
  bool established = false;              // the handshake is done: `deliver` is the peer's Hello or Welcome
  std::optional<proto::Envelope> deliver;
  std::optional<Error> close;            // close once `send` has gone out
};

class Session {
 public:
  explicit Session(SessionConfig config);

  Action on(const SessionEvent& event, TimePoint now);
  bool established() const { return state_ == State::established; }
  bool closed() const { return state_ == State::closed; }

 private:
  enum class State { opening, established, closed };

  Action opened(TimePoint now);
  Action received(const proto::Envelope& envelope, TimePoint now);
  Action received_hello(const proto::Envelope& envelope, TimePoint now);
  Action received_welcome(const proto::Envelope& envelope, TimePoint now);
  Action ticked(TimePoint now);
  Action ended(const Error& reason);
  Action refuse(const Error& reason);
  Action establish(const proto::Envelope& envelope, TimePoint now);

  SessionConfig config_;
  State state_ = State::opening;
  TimePoint opened_at_{};
  TimePoint heard_at_{};
  TimePoint heartbeat_at_{};
  TimePoint ticked_at_{};
  std::optional<Error> last_words_;  // of a Fault that nothing followed yet
};

// A Fault frame and the error it carries.
proto::Envelope fault_envelope(const Error& error, bool fatal_to_epoch = false);
Error error_of(const proto::Fault& fault);

}  // namespace yoke::transport
