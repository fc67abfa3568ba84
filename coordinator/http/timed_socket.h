// A socket whose every wait has a limit, and which notices its peer's going while nothing is read from it. One strand only.
// For server.cpp and connection.cpp (it shows Asio).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace yoke::coordinator::http {

class TimedSocket : public std::enable_shared_from_this<TimedSocket> {
 public:
  enum class Outcome { done, late, closed };

  // `socket`'s executor is the strand.
  explicit TimedSocket(boost::asio::ip::tcp::socket socket);

  // Appends what arrives first.
  boost::asio::awaitable<Outcome> receive(std::string& in, Duration at_most);
  // All of `bytes`; `late` where the peer took too little of it in the time.
  boost::asio::awaitable<Outcome> send(std::string_view bytes, Duration at_most);

  // Keeps a read pending, appends what it brings to `in` until that holds `at_most` bytes, and calls `on_gone` when the peer
  // closes; a send in progress ends then too. `in` must outlive stop_watching().
  void watch(std::string& in, size_t at_most, std::function<void()> on_gone);
  boost::asio::awaitable<void> stop_watching();
  bool gone() const { return gone_; }

  // Closes our direction and waits until the peer has read what we sent and closes too: closing at once would destroy bytes
  // on their way when the peer is still sending.
  boost::asio::awaitable<void> linger(Duration at_most);
  void close();
  // Closes so that the peer sees an error and not an end.
  void reset();

  boost::asio::any_io_executor executor() { return socket_.get_executor(); }

 private:
  void arm(Duration at_most);
  bool disarm();  // true where the time was up
  void read_ahead(std::string& in, size_t at_most);

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer deadline_;
  uint64_t deadline_round_ = 0;  // a deadline that was disarmed too late belongs to an older round
  bool late_ = false;
  boost::asio::steady_timer watch_ended_;
  std::function<void()> on_gone_;
  bool watching_ = false;     // wanted
  bool reading_ = false;      // a watching read is pending
  bool gone_ = false;
  char scratch_[16 << 10];    // what one read may bring
};

}  // namespace yoke::coordinator::http
