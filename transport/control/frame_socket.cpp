#include "transport/control/frame_socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "core/error.h"
#include "transport/control/framing.h"

namespace yoke::transport {
namespace {

Error lost(const char* doing) {
  return Error{Code::peer_lost, fmt::format("{} the socket between agent and engine: {}", doing, std::strerror(errno))};
}

union DescriptorMessage {
  cmsghdr header;  // aligns
  char bytes[CMSG_SPACE(FrameSocket::kMostDescriptors * sizeof(int))];
};

// Sends `bytes` (or a part) and, beside it, the descriptors. Returns the bytes sent.
ssize_t send_with(int socket, std::string_view bytes, const std::vector<int>& descriptors) {
  const size_t size = descriptors.size() * sizeof(int);
  DescriptorMessage control{};
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = CMSG_SPACE(size);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(size);
  std::memcpy(CMSG_DATA(header), descriptors.data(), size);
  return sendmsg(socket, &message, MSG_NOSIGNAL);
}

// Receives bytes and those descriptors that come along.
ssize_t receive_with(int socket, char* bytes, size_t size, std::vector<Descriptor>& descriptors) {
  DescriptorMessage control{};
  iovec part{bytes, size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  const ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (got < 0) return got;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    for (size_t i = 0; i < (header->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      descriptors.emplace_back(fd);
    }
  }
  return got;
}

}  // namespace

SocketPair make_socket_pair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) throw lost("cannot make");
  return {Descriptor(fds[0]), Descriptor(fds[1])};
}

void FrameSocket::write(const proto::Envelope& envelope, std::vector<int> descriptors) {
  YOKE_ASSERT(descriptors.size() <= kMostDescriptors);
  const std::string frame = encode_frame(envelope, kMaxFrameBytes);
  std::string_view rest = frame;
  while (!rest.empty()) {
    const ssize_t sent = descriptors.empty() ? ::send(fd(), rest.data(), rest.size(), MSG_NOSIGNAL) : send_with(fd(), rest, descriptors);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) throw lost("writing to");
    descriptors.clear();
    rest.remove_prefix(static_cast<size_t>(sent));
  }
}

bool FrameSocket::read_all(char* bytes, size_t size, std::vector<Descriptor>& descriptors) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = receive_with(fd(), bytes + done, size - done, descriptors);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw lost("reading from");
    if (got == 0 && done == 0) return false;
    if (got == 0) throw Error{Code::peer_lost, "the socket between agent and engine ended inside a frame"};
    done += static_cast<size_t>(got);
  }
  return true;
}

std::optional<FrameSocket::Frame> FrameSocket::read() {
  Frame frame;
  char header[kFrameHeaderBytes];
  if (!read_all(header, sizeof header, frame.descriptors)) return std::nullopt;
  std::string bytes(decode_frame_length(header, kMaxFrameBytes), '\0');
  if (!read_all(bytes.data(), bytes.size(), frame.descriptors)) {
    throw Error{Code::peer_lost, "the socket between agent and engine ended after a frame's header"};
  }
  frame.envelope = decode_envelope(bytes.data(), bytes.size());
  return frame;
}

}  // namespace yoke::transport
