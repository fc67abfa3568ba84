// Frames over a connected stream socket (TCP or one end of a socket pair) on an io_context: reading and writing under limits,
// no protocol. Same rules of threads as channel.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "core/error.h"
#include "transport/control/control.pb.h"
#include "transport/control/limits.h"

namespace boost::asio {
class io_context;
}

namespace yoke::transport {

class FrameStream {
 public:
  struct Handlers {
    std::function<void(proto::Envelope)> on_frame;
    std::function<void()> on_bytes;              // optional: bytes came, maybe no whole frame
    std::function<void(const Error&)> on_ended;  // once: end of stream, socket error, garbage, overfull queue
    std::function<void()> on_drained;            // optional: busy() became false again
  };

  virtual ~FrameStream() = default;
  virtual void start(Handlers handlers) = 0;
  virtual void write(const proto::Envelope& envelope) = 0;
  // While paused no byte is read: the peer's writes block in its socket.
  virtual void pause_reading(bool paused) = 0;
  virtual void set_max_frame_bytes(uint64_t bytes) = 0;
  virtual void finish() = 0;  // closes when the queue has gone out, after 500 ms in any case; no callback follows
  virtual void close() = 0;   // now; no callback follows. Whoever started a stream must end it with finish() or close()
  virtual bool busy() const = 0;
  virtual uint64_t queued_bytes() const = 0;
};

// Takes over `fd`, a connected stream socket.
std::shared_ptr<FrameStream> make_frame_stream(boost::asio::io_context& context, int fd, const ChannelLimits& limits);

}  // namespace yoke::transport
