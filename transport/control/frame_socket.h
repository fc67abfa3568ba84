// Blocking frames over one end of a socket pair: the engine's side of the control channel, and the agent's first frame to a new
// engine, which carries the pool's descriptors (SCM_RIGHTS). One thread reads, one thread writes; they may be two.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/descriptor.h"
#include "transport/control/control.pb.h"

namespace yoke::transport {

struct SocketPair {
  Descriptor agent;   // close-on-exec
  Descriptor engine;  // close-on-exec: the spawner hands it over by number
};
SocketPair make_socket_pair();

class FrameSocket {
 public:
  explicit FrameSocket(Descriptor socket) : socket_(std::move(socket)) {}

  static constexpr size_t kMostDescriptors = 4;

  // Error{peer_lost} when the other end is gone. `descriptors` travel with the frame and stay ours.
  void write(const proto::Envelope& envelope, std::vector<int> descriptors = {});

  struct Frame {
    proto::Envelope envelope;
    std::vector<Descriptor> descriptors;  // that came along, in their order
  };
  // The next frame; nothing at the end of the stream. Error{peer_lost} for an end inside a frame, Error{too_large} and
  // Error{bad_file} for what is no frame.
  std::optional<Frame> read();

  int fd() const { return socket_.get(); }
  int release() { return socket_.release(); }  // for a FrameStream to go on with; nothing more is read or written here

 private:
  bool read_all(char* bytes, size_t size, std::vector<Descriptor>& descriptors);  // false at an end before the first byte

  Descriptor socket_;
};

}  // namespace yoke::transport
