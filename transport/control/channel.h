// The control channel's connections: frames of control.proto over TCP, with handshake, heartbeats and limits. What to do is
// decided in session.h; this is the driver. Every object belongs to one io_context that one thread runs: call it from that
// thread only (boost::asio::post from others); callbacks come on that thread, never from inside the call that caused them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/clock.h"
#include "core/error.h"
#include "transport/control/control.pb.h"
#include "transport/control/limits.h"

namespace boost::asio {
class io_context;
}

namespace yoke::transport {

// An established connection: Hello and Welcome have been exchanged, versions agree. Dropping the last reference closes it.
// An interface, so that tests can put a fake in its place.
class Channel {
 public:
  struct Handlers {
    std::function<void(proto::Envelope)> on_message;     // every frame but Hello and Welcome; heartbeats too
    std::function<void(const Error&)> on_closed;         // once, last: why. The peer's own words when it sent a Fault and closed
    std::function<void(proto::Heartbeat&)> fill_heartbeat;  // optional: what our next heartbeat says
    std::function<void()> on_drained;                    // optional: busy() became false again
  };

  virtual ~Channel() = default;

  // Frames that came before start() are kept and delivered after it. Call once.
  virtual void start(Handlers handlers) = 0;

  // Queues a frame. A frame over max_frame_bytes, or a queue over max_queue_bytes, closes the channel with Error{overloaded};
  // after the end it does nothing.
  virtual void send(const proto::Envelope& envelope) = 0;

  // Sends `reason` as a Fault where the socket still takes it (for at most 500 ms), then closes; on_closed follows.
  virtual void close(const Error& reason) = 0;

  virtual bool busy() const = 0;             // queued bytes are over busy_queue_bytes: produce no more until on_drained
  virtual uint64_t queued_bytes() const = 0;
  virtual const std::string& peer() const = 0;  // "127.0.0.1:41234"
};

struct ListenerConfig {
  std::string host = "127.0.0.1";
  uint16_t port = 0;  // 0: any free one
  ChannelLimits limits;
  const Clock* clock = &system_clock();
};

// The coordinator's end: listens, shakes hands, and hands over agents that passed. An agent with another protocol version is
// told both versions and closed; so are garbage, silence and oversized frames, with a line in the log.
class Listener {
 public:
  // `hello` is what the agent said. Keep the channel, start() it, or close() it with the reason why the agent is not wanted.
  using OnAgent = std::function<void(std::shared_ptr<Channel> channel, proto::Hello hello)>;

  // Binds at once: Error{invalid_argument} for a host that is not loopback (no TLS yet), Error{unavailable} for a port in use.
  Listener(boost::asio::io_context& context, const ListenerConfig& config, OnAgent on_agent);
  ~Listener();  // stops listening; channels live on

  uint16_t port() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// The agent's end. `on_done` gets the channel after Welcome, or null and why not: Error{peer_lost} when nobody listens,
// Error{unsupported} for another version, the coordinator's own Fault, Error{deadline_exceeded} after limits.handshake.
// hello.protocol and hello.yoke_version are filled in here. Throws at once what require_loopback does.
struct ConnectConfig {
  std::string host;
  uint16_t port = 0;
  proto::Hello hello;
  ChannelLimits limits;
  const Clock* clock = &system_clock();
};
using OnConnected = std::function<void(std::shared_ptr<Channel> channel, const Error* error)>;
void connect(boost::asio::io_context& context, const ConnectConfig& config, OnConnected on_done);

// "127.0.0.1:8001", "[::1]:8001", "localhost:8001", ":8001" (loopback). Error{invalid_argument} says what is wrong; `param` is the flag.
struct HostPort {
  std::string host;
  uint16_t port = 0;
  std::string text() const;
};
HostPort parse_host_port(const std::string& text, const std::string& param);

// Error{invalid_argument}, with the reason, unless `host` is a loopback address or "localhost": control frames are neither encrypted
// nor authenticated before the channel has TLS.
void require_loopback(const std::string& host, const std::string& param);

}  // namespace yoke::transport
