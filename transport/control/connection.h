// One connection's driver: carries Session's decisions out over a FrameStream. Internal to transport/control.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "transport/control/channel.h"
#include "transport/control/session.h"

namespace yoke::transport {

struct ConnectionConfig {
  int fd = -1;  // a connected TCP socket; taken over
  std::string peer;
  SessionConfig session;
  const Clock* clock = nullptr;
  // Exactly one of the two is called, once.
  std::function<void(std::shared_ptr<Channel>, proto::Envelope hello_or_welcome)> on_established;
  std::function<void(const Error&)> on_refused;
};

// Starts the handshake.
void open_connection(boost::asio::io_context& context, ConnectionConfig config);

// The kernel, too, notices a dead peer (keepalive, TCP_USER_TIMEOUT of `silence`); frames leave at once (TCP_NODELAY); the
// descriptor does not reach children.
void tune_socket(int fd, Duration silence);

}  // namespace yoke::transport
