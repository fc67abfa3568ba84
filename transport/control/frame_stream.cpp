#include "transport/control/frame_stream.h"

#include <sys/socket.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <deque>
#include <optional>

#include <fmt/format.h>

#include "core/units.h"
#include "transport/control/framing.h"

namespace yoke::transport {
namespace {

namespace asio = boost::asio;
using Socket = asio::generic::stream_protocol::socket;

constexpr size_t kReadBytes = 64u << 10;
constexpr std::chrono::milliseconds kFinishTimeout{500};

int family_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  return getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0 ? address.ss_family : AF_UNIX;
}

// Pending operations hold a reference, so close() and finish() let go of everything in the end.
class SocketStream final : public FrameStream, public std::enable_shared_from_this<SocketStream> {
 public:
  SocketStream(asio::io_context& context, int fd, const ChannelLimits& limits)
      : socket_(context, asio::generic::stream_protocol(family_of(fd), 0), fd),
        finish_timer_(context),
        limits_(limits),
        reader_(limits.max_frame_bytes) {}

  void start(Handlers handlers) override {
    handlers_ = std::make_shared<Handlers>(std::move(handlers));
    read();
  }

  void write(const proto::Envelope& envelope) override {
    if (!handlers_ || finishing_ || failed_) return;
    try {
      std::string frame = encode_frame(envelope, limits_.max_frame_bytes);
      if (queued_bytes_ + frame.size() > limits_.max_queue_bytes) {
        throw Error{Code::overloaded, fmt::format("the peer takes nothing: {} wait to be sent, the limit is {}",
                                                  format_bytes(queued_bytes_), format_bytes(limits_.max_queue_bytes))};
      }
      queued_bytes_ += frame.size();
      queue_.push_back(std::move(frame));
    } catch (const Error& error) {
      fail_later(error);
      return;
    }
    if (busy()) was_busy_ = true;
    if (queue_.size() == 1) write_next();
  }

  void pause_reading(bool paused) override {
    if (paused_ == paused) return;
    paused_ = paused;
    if (!paused && handlers_ && !reading_) {
      reading_ = true;  // so that a second resume starts no second loop
      asio::post(socket_.get_executor(), [self = shared_from_this()] {
        self->reading_ = false;
        self->deliver();
      });
    }
  }

  void set_max_frame_bytes(uint64_t bytes) override {
    limits_.max_frame_bytes = bytes;
    reader_.set_max_frame_bytes(bytes);
  }

  void finish() override {
    drop_handlers();
    if (queue_.empty() || failed_) return close();
    finishing_ = true;
    finish_timer_.expires_after(kFinishTimeout);
    finish_timer_.async_wait([self = shared_from_this()](const boost::system::error_code&) { self->close(); });
  }

  void close() override {
    drop_handlers();
    boost::system::error_code ignored;
    socket_.close(ignored);
    finish_timer_.cancel();
  }

  bool busy() const override { return queued_bytes_ > limits_.busy_queue_bytes; }
  uint64_t queued_bytes() const override { return queued_bytes_; }

 private:
  void read() {
    if (!handlers_ || paused_ || reading_) return;
    reading_ = true;
    socket_.async_read_some(asio::buffer(chunk_), [self = shared_from_this()](const boost::system::error_code& error, size_t bytes) {
      self->reading_ = false;
      if (!self->handlers_) return;
      if (error) return self->fail(Error{Code::peer_lost, error == asio::error::eof ? "the peer closed the connection" : error.message()});
      self->reader_.push({self->chunk_.data(), bytes});
      if (const auto handlers = self->handlers_; handlers->on_bytes) handlers->on_bytes();
      self->deliver();
    });
  }

  // A callback may pause, finish or close the stream: each turn looks again.
  void deliver() {
    try {
      while (handlers_ && !paused_ && !failed_) {
        std::optional<proto::Envelope> envelope = reader_.next();
        if (!envelope) break;
        const auto handlers = handlers_;
        handlers->on_frame(std::move(*envelope));
      }
    } catch (const Error& error) {
      return fail(error);
    }
    if (!failed_) read();
  }

  void write_next() {
    asio::async_write(socket_, asio::buffer(queue_.front()), [self = shared_from_this()](const boost::system::error_code& error, size_t) {
      self->written(error);
    });
  }

  void written(const boost::system::error_code& error) {
    if (error) {
      if (handlers_) return fail(Error{Code::peer_lost, error.message()});
      return close();
    }
    queued_bytes_ -= queue_.front().size();
    queue_.pop_front();
    if (!queue_.empty()) {
      write_next();
    } else if (finishing_) {
      return close();
    }
    if (was_busy_ && !busy()) {
      was_busy_ = false;
      if (const auto handlers = handlers_; handlers && handlers->on_drained) handlers->on_drained();
    }
  }

  void fail(const Error& error) {
    if (!handlers_) return;
    failed_ = true;
    const auto handlers = handlers_;
    drop_handlers();
    handlers->on_ended(error);
  }

  // For failures inside a call of the user: its callback must not come before the call returns.
  void fail_later(const Error& error) {
    failed_ = true;
    asio::post(socket_.get_executor(), [self = shared_from_this(), error] { self->fail(error); });
  }

  void drop_handlers() { handlers_.reset(); }

  Socket socket_;
  asio::steady_timer finish_timer_;
  ChannelLimits limits_;
  FrameReader reader_;
  std::shared_ptr<Handlers> handlers_;  // null before start and after the end
  std::array<char, kReadBytes> chunk_;
  std::deque<std::string> queue_;       // the front one is being written
  uint64_t queued_bytes_ = 0;
  bool reading_ = false;
  bool paused_ = false;
  bool finishing_ = false;
  bool failed_ = false;
  bool was_busy_ = false;
};

}  // namespace

std::shared_ptr<FrameStream> make_frame_stream(asio::io_context& context, int fd, const ChannelLimits& limits) {
  return std::make_shared<SocketStream>(context, fd, limits);
}

}  // namespace yoke::transport
