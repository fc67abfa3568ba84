#include <fcntl.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <fmt/format.h>

#include "core/log.h"
#include "transport/control/connection.h"

namespace yoke::transport {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// Out of descriptors: nothing is gained by asking again at once.
constexpr std::chrono::milliseconds kAcceptPause{100};

asio::ip::address address_of(const std::string& host) {
  return asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host);
}

}  // namespace

struct Listener::State : std::enable_shared_from_this<Listener::State> {
  asio::io_context& context;
  ListenerConfig config;
  OnAgent on_agent;
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  int handshakes = 0;

  State(asio::io_context& io, const ListenerConfig& wanted, OnAgent callback)
      : context(io), config(wanted), on_agent(std::move(callback)), acceptor(io), pause(io) {}

  void bind() {
    require_loopback(config.host, "control-host");
    const tcp::endpoint endpoint(address_of(config.host), config.port);
    boost::system::error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      throw Error{Code::unavailable, fmt::format("cannot listen for agents on {}:{}: {}; choose another --control-port", config.host,
                                                 config.port, error.message()),
                  "control-port"};
    }
    fcntl(acceptor.native_handle(), F_SETFD, FD_CLOEXEC);
  }

  void accept() {
    acceptor.async_accept([self = shared_from_this()](const boost::system::error_code& error, tcp::socket socket) {
      if (!self->acceptor.is_open()) return;
      if (error) return self->accept_later(error);
      self->greet(std::move(socket));
      self->accept();
    });
  }

  void accept_later(const boost::system::error_code& why) {
    spdlog::warn("cannot accept an agent's connection: {}", why.message());
    pause.expires_after(kAcceptPause);
    pause.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && self->acceptor.is_open()) self->accept();
    });
  }

  void greet(tcp::socket socket) {
    boost::system::error_code error;
    const tcp::endpoint from = socket.remote_endpoint(error);
    if (error) return;  // gone already
    const std::string peer = HostPort{from.address().to_string(), from.port()}.text();
    if (handshakes >= kMaxHandshakes) {
      spdlog::warn("{}: refused: {} connections have not said hello yet", peer, handshakes);
      return;
    }
    tune_socket(socket.native_handle(), config.limits.silence);
    ++handshakes;
    open_connection(context, {.fd = socket.release(),
                              .peer = peer,
                              .session = {.role = Role::coordinator, .limits = config.limits},
                              .clock = config.clock,
                              .on_established = [self = shared_from_this()](auto channel, proto::Envelope first) {
                                --self->handshakes;
                                if (self->on_agent) self->on_agent(std::move(channel), std::move(*first.mutable_hello()));
                              },
                              .on_refused = [self = shared_from_this(), peer](const Error& reason) {
                                --self->handshakes;
                                spdlog::warn("{}: no agent: {}", peer, reason.what());
                              }});
  }

  void stop() {
    boost::system::error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
    on_agent = nullptr;
  }
};

Listener::Listener(asio::io_context& context, const ListenerConfig& config, OnAgent on_agent)
    : state_(std::make_shared<State>(context, config, std::move(on_agent))) {
  state_->bind();
  state_->accept();
}

Listener::~Listener() { state_->stop(); }

uint16_t Listener::port() const { return state_->acceptor.local_endpoint().port(); }

}  // namespace yoke::transport
