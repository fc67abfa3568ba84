// The agent's connection to its coordinator: found, lost, found again. Belongs to one io_context's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "transport/control/channel.h"

namespace yoke::node {

// 50 ms, 100 ms, ... 1 s between attempts to connect.
class Backoff {
 public:
  Duration next();
  void reset() { delay_ = kFirst; }

 private:
  static constexpr Duration kFirst = std::chrono::milliseconds(50);
  static constexpr Duration kLongest = std::chrono::seconds(1);
  Duration delay_ = kFirst;
};

// A coordinator that refuses us for a reason which waiting does not mend: another version, a rank that it has not.
bool refuses_for_good(const Error& error);

class CoordinatorLink {
 public:
  struct Handlers {
    std::function<transport::proto::Hello()> hello;  // what to say at the next attempt
    std::function<void()> on_joined;
    std::function<void(transport::proto::Envelope)> on_message;
    std::function<void(transport::proto::Heartbeat&)> fill_heartbeat;
    std::function<void()> on_drained;
    std::function<void(const Error&)> on_lost;       // and the search begins anew
    std::function<void(const Error&)> on_given_up;   // no coordinator for the rejoin timeout, or refused for good
  };

  CoordinatorLink(boost::asio::io_context& context, transport::HostPort address, Duration rejoin_timeout, Handlers handlers);
  ~CoordinatorLink();

  void start();
  void send(const transport::proto::Envelope& envelope);  // into the void while there is no coordinator
  bool busy() const;
  void stop();  // closes; no callback follows

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace yoke::node
