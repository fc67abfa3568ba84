// A client that sends exactly the bytes it is told to, over loopback.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

namespace yoke::coordinator::http {

class RawClient {
 public:
  explicit RawClient(uint16_t port, int receive_buffer = 0) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer > 0) setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    const timeval patience{.tv_sec = 10, .tv_usec = 0};  // a hang fails a test, it does not stop it
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // False once the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  // Until `marker` came, or the server closed, or ten seconds passed.
  std::string read_until(std::string_view marker) {
    while (seen_.find(marker) == std::string::npos && receive()) {
    }
    const size_t at = seen_.find(marker);
    const size_t end = at == std::string::npos ? seen_.size() : at + marker.size();
    std::string out = seen_.substr(0, end);
    seen_.erase(0, end);
    return out;
  }
  std::string read_to_end() {
    while (receive()) {
    }
    return std::exchange(seen_, {});
  }
  // One response with a Content-Length: its head and its body.
  std::string read_response() {
    std::string head = read_until("\r\n\r\n");
    const size_t at = head.find("Content-Length: ");
    if (at == std::string::npos) return head;
    const size_t length = std::stoul(head.substr(at + 16));
    while (seen_.size() < length && receive()) {
    }
    head += seen_.substr(0, length);
    seen_.erase(0, length);
    return head;
  }
  bool closed() const { return closed_; }
  bool timed_out() const { return timed_out_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void half_close() { shutdown(fd_, SHUT_WR); }

 private:
  bool receive() {
    char buffer[64 << 10];
    const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
    if (got > 0) {
      seen_.append(buffer, static_cast<size_t>(got));
      return true;
    }
    timed_out_ = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    EXPECT_FALSE(timed_out_) << "nothing came for ten seconds";
    closed_ = !timed_out_;
    return false;
  }

  int fd_;
  std::string seen_;
  bool closed_ = false;
  bool timed_out_ = false;
};

}  // namespace yoke::coordinator::http
