#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <fmt/format.h>

#include "core/version.h"
#include "transport/control/connection.h"

namespace yoke::transport {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

struct Attempt : std::enable_shared_from_this<Attempt> {
  asio::io_context& context;
  ConnectConfig config;
  OnConnected on_done;
  tcp::socket socket;
  asio::steady_timer timeout;

  Attempt(asio::io_context& io, const ConnectConfig& wanted, OnConnected callback)
      : context(io), config(wanted), on_done(std::move(callback)), socket(io), timeout(io) {}

  std::string peer() const { return HostPort{config.host, config.port}.text(); }

  void start() {
    require_loopback(config.host, "coordinator");
    const auto address = asio::ip::make_address(config.host == "localhost" ? "127.0.0.1" : config.host);
    timeout.expires_after(config.limits.handshake);
    timeout.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->socket.close();  // ends async_connect with operation_aborted
    });
    socket.async_connect({address, config.port}, [self = shared_from_this()](const boost::system::error_code& error) {
      self->timeout.cancel();
      if (error) return self->failed(error);
      self->shake_hands();
    });
  }

  void failed(const boost::system::error_code& error) {
    const bool late = error == asio::error::operation_aborted;
    const Error reason{late ? Code::deadline_exceeded : Code::peer_lost,
                       fmt::format("no coordinator at {}: {}", peer(), late ? "it does not answer" : error.message())};
    on_done(nullptr, &reason);
  }

  void shake_hands() {
    tune_socket(socket.native_handle(), config.limits.silence);
    proto::Hello hello = config.hello;
    hello.set_protocol(kProtocolVersion);
    hello.set_yoke_version(kVersion);
    open_connection(context, {.fd = socket.release(),
                              .peer = peer(),
                              .session = {.role = Role::agent, .hello = hello, .limits = config.limits},
                              .clock = config.clock,
                              .on_established = [done = on_done](auto channel, proto::Envelope) { done(std::move(channel), nullptr); },
                              .on_refused = [done = on_done](const Error& reason) { done(nullptr, &reason); }});
  }
};

}  // namespace

void connect(asio::io_context& context, const ConnectConfig& config, OnConnected on_done) {
  std::make_shared<Attempt>(context, config, std::move(on_done))->start();
}

}  // namespace yoke::transport
