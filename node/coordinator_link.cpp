#include "node/coordinator_link.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/log.h"

namespace yoke::node {

namespace asio = boost::asio;
namespace proto = transport::proto;

Duration Backoff::next() { return std::exchange(delay_, std::min(delay_ * 2, kLongest)); }

bool refuses_for_good(const Error& error) {
  return error.code() == Code::unsupported || error.code() == Code::invalid_argument;
}

struct CoordinatorLink::State : std::enable_shared_from_this<CoordinatorLink::State> {
  asio::io_context& context;
  const transport::HostPort address;
  const Duration rejoin_timeout;
  Handlers handlers;
  asio::steady_timer retry, patience;
  bool impatient = false;  // `patience` runs
  bool stopped = false;
  bool welcome = false;    // this connection has brought more than a Fault
  Backoff backoff;
  std::shared_ptr<transport::Channel> channel;
  std::string last_reason;  // so that a waiting agent logs a reason once

  State(asio::io_context& io, transport::HostPort where, Duration timeout, Handlers callbacks)
      : context(io), address(std::move(where)), rejoin_timeout(timeout), handlers(std::move(callbacks)), retry(io), patience(io) {}

  void lose_patience_later() {
    if (std::exchange(impatient, true)) return;
    patience.expires_after(rejoin_timeout);
    patience.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (error || self->stopped) return;
      self->give_up(Error{Code::peer_lost, fmt::format("no coordinator at {} for {:.0f} s ({})", self->address.text(),
                                                       seconds(self->rejoin_timeout), self->last_reason)});
    });
  }

  void attempt() {
    if (stopped) return;
    transport::connect(context, {.host = address.host, .port = address.port, .hello = handlers.hello()},
                       [self = shared_from_this()](std::shared_ptr<transport::Channel> made, const Error* error) {
                         if (self->stopped) return;
                         error ? self->failed(*error) : self->joined(std::move(made));
                       });
  }

  void joined(std::shared_ptr<transport::Channel> made) {
    channel = std::move(made);
    welcome = false;
    last_reason.clear();
    spdlog::info("joined the coordinator at {}", address.text());
    handlers.on_joined();
    const auto self = shared_from_this();
    channel->start({.on_message = [self](proto::Envelope envelope) { self->heard(std::move(envelope)); },
                    .on_closed = [self](const Error& reason) { self->closed(reason); },
                    .fill_heartbeat = [self](proto::Heartbeat& heartbeat) { self->handlers.fill_heartbeat(heartbeat); },
                    .on_drained = [self] { self->handlers.on_drained(); }});
  }

  void heard(proto::Envelope envelope) {
    if (stopped) return;
    if (!envelope.has_fault() && !std::exchange(welcome, true)) {
      backoff.reset();
      impatient = false;
      patience.cancel();
    }
    handlers.on_message(std::move(envelope));
  }

  void closed(const Error& reason) {
    if (stopped) return;
    channel.reset();
    handlers.on_lost(reason);
    if (!welcome) return failed(reason);
    spdlog::warn("lost the coordinator: {}", reason.what());
    search();
  }

  void failed(const Error& reason) {
    if (refuses_for_good(reason)) return give_up(reason);
    if (last_reason != reason.what()) spdlog::info("waiting for a coordinator: {}", reason.what());
    last_reason = reason.what();
    search();
  }

  void search() {
    if (stopped) return;
    lose_patience_later();
    retry.expires_after(backoff.next());
    retry.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->attempt();
    });
  }

  void give_up(const Error& reason) {
    const auto callback = handlers.on_given_up;
    stop();
    callback(reason);
  }

  void stop() {
    stopped = true;
    retry.cancel();
    patience.cancel();
    channel.reset();
  }
};

CoordinatorLink::CoordinatorLink(asio::io_context& context, transport::HostPort address, Duration rejoin_timeout, Handlers handlers)
    : state_(std::make_shared<State>(context, std::move(address), rejoin_timeout, std::move(handlers))) {}

CoordinatorLink::~CoordinatorLink() { state_->stop(); }

void CoordinatorLink::start() {
  state_->lose_patience_later();
  state_->attempt();
}

void CoordinatorLink::send(const proto::Envelope& envelope) {
  if (state_->channel) state_->channel->send(envelope);
}

bool CoordinatorLink::busy() const { return state_->channel && state_->channel->busy(); }

void CoordinatorLink::stop() { state_->stop(); }

}  // namespace yoke::node
