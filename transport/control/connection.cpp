#include "transport/control/connection.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include "transport/control/frame_stream.h"

namespace yoke::transport {
namespace {

namespace asio = boost::asio;

constexpr Duration kShortestTick = std::chrono::milliseconds(5);

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::io_context& context, ConnectionConfig config)
      : context_(context), config_(std::move(config)), session_(config_.session), timer_(context) {
    ChannelLimits until_established = config_.session.limits;
    if (config_.session.role == Role::coordinator) until_established.max_frame_bytes = kMaxHandshakeFrameBytes;
    stream_ = make_frame_stream(context, config_.fd, until_established);
  }

  void open() {
    const auto self = shared_from_this();
    stream_->start({.on_frame = [self](proto::Envelope envelope) { self->on(Received{std::move(envelope)}); },
                    .on_bytes = [self] { self->on(Heard{}); },
                    .on_ended = [self](const Error& reason) { self->on(Ended{reason}); },
                    .on_drained = [self] { self->drained(); }});
    on(Opened{});
    tick();
  }

  void start(Channel::Handlers handlers) {
    handlers_ = std::make_shared<Channel::Handlers>(std::move(handlers));
    if (closed_) return report_closed();
    stream_->pause_reading(false);
  }

  void on(const SessionEvent& event) { act(session_.on(event, config_.clock->now())); }

  // The application let go of its channel: nobody is left to be told.
  void abandon() {
    handlers_.reset();
    on(CloseWanted{Error{Code::unavailable, "the other side closed the connection"}});
  }

  FrameStream& stream() { return *stream_; }
  const std::string& peer() const { return config_.peer; }

 private:
  void act(Action action) {
    for (const proto::Envelope& envelope : action.send) stream_->write(envelope);
    if (action.heartbeat) send_heartbeat();
    if (action.established) return establish(std::move(*action.deliver));
    if (action.deliver) return deliver(std::move(*action.deliver));
    if (action.close) close(*action.close, !action.send.empty());
  }

  void send_heartbeat() {
    proto::Envelope envelope;
    proto::Heartbeat& heartbeat = *envelope.mutable_heartbeat();
    if (const auto handlers = handlers_; handlers && handlers->fill_heartbeat) handlers->fill_heartbeat(heartbeat);
    stream_->write(envelope);
  }

  void deliver(proto::Envelope envelope) {
    if (const auto handlers = handlers_; handlers && handlers->on_message) handlers->on_message(std::move(envelope));
  }

  void drained() {
    if (const auto handlers = handlers_; handlers && handlers->on_drained) handlers->on_drained();
  }

  void establish(proto::Envelope first);

  void close(const Error& reason, bool say_why) {
    closed_ = reason;
    timer_.cancel();
    say_why ? stream_->finish() : stream_->close();
    if (!session_established_) {
      if (const auto refused = std::exchange(config_.on_refused, nullptr)) refused(reason);
    } else if (handlers_) {
      report_closed();
    }
  }

  void report_closed() {
    asio::post(context_, [self = shared_from_this()] {
      const auto handlers = std::exchange(self->handlers_, nullptr);
      if (handlers && handlers->on_closed) handlers->on_closed(*self->closed_);
    });
  }

  void tick() {
    if (closed_) return;
    timer_.expires_after(std::max(kShortestTick, config_.session.limits.heartbeat / 2));
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (error || self->closed_) return;
      self->on(Ticked{});
      self->tick();
    });
  }

  asio::io_context& context_;
  ConnectionConfig config_;
  Session session_;
  asio::steady_timer timer_;
  std::shared_ptr<FrameStream> stream_;
  std::shared_ptr<Channel::Handlers> handlers_;
  std::optional<Error> closed_;
  bool session_established_ = false;
};

// What the application holds. The connection itself is kept alive by its pending operations.
class ConnectionChannel final : public Channel {
 public:
  explicit ConnectionChannel(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
  ~ConnectionChannel() override { connection_->abandon(); }

  void start(Handlers handlers) override { connection_->start(std::move(handlers)); }
  void send(const proto::Envelope& envelope) override { connection_->stream().write(envelope); }
  void close(const Error& reason) override { connection_->on(CloseWanted{reason}); }
  bool busy() const override { return connection_->stream().busy(); }
  uint64_t queued_bytes() const override { return connection_->stream().queued_bytes(); }
  const std::string& peer() const override { return connection_->peer(); }

 private:
  std::shared_ptr<Connection> connection_;
};

void Connection::establish(proto::Envelope first) {
  session_established_ = true;
  stream_->set_max_frame_bytes(config_.session.limits.max_frame_bytes);
  stream_->pause_reading(true);  // until start()
  config_.on_refused = nullptr;
  const auto established = std::exchange(config_.on_established, nullptr);
  established(std::make_shared<ConnectionChannel>(shared_from_this()), std::move(first));
}

}  // namespace

void open_connection(asio::io_context& context, ConnectionConfig config) {
  std::make_shared<Connection>(context, std::move(config))->open();
}

void tune_socket(int fd, Duration silence) {
  const auto set = [fd](int level, int name, int value) { setsockopt(fd, level, name, &value, sizeof value); };
  const int silence_ms = static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(silence).count());
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 1);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 1);
  set(IPPROTO_TCP, TCP_KEEPCNT, std::max(1, silence_ms / 1000));
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, silence_ms);
}

}  // namespace yoke::transport
