#include "coordinator/http/timed_socket.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>

namespace yoke::coordinator::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

}  // namespace

TimedSocket::TimedSocket(tcp::socket socket)
    : socket_(std::move(socket)), deadline_(socket_.get_executor()), watch_ended_(socket_.get_executor()) {
  error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
}

void TimedSocket::arm(Duration at_most) {
  late_ = false;
  deadline_.expires_after(std::max(at_most, Duration(0)));
  deadline_.async_wait([self = shared_from_this(), round = ++deadline_round_](error_code ec) {
    if (ec || round != self->deadline_round_) return;
    self->late_ = true;
    error_code ignored;
    self->socket_.cancel(ignored);
  });
}

bool TimedSocket::disarm() {
  ++deadline_round_;
  deadline_.cancel();
  return late_;
}

asio::awaitable<TimedSocket::Outcome> TimedSocket::receive(std::string& in, Duration at_most) {
  arm(at_most);
  const auto [ec, bytes] = co_await socket_.async_read_some(asio::buffer(scratch_), kAwait);
  const bool late = disarm();
  in.append(scratch_, bytes);
  if (!ec) co_return Outcome::done;
  if (late && ec == asio::error::operation_aborted) co_return Outcome::late;
  gone_ = true;
  co_return Outcome::closed;
}

asio::awaitable<TimedSocket::Outcome> TimedSocket::send(std::string_view bytes, Duration at_most) {
  if (gone_) co_return Outcome::closed;
  // The limit counts from the last byte taken, not for the whole: a long row to a steady reader is fine.
  while (!bytes.empty()) {
    arm(at_most);
    const auto [ec, taken] = co_await socket_.async_write_some(asio::buffer(bytes), kAwait);
    const bool late = disarm();
    bytes.remove_prefix(taken);
    if (!ec) continue;
    gone_ = true;
    co_return late ? Outcome::late : Outcome::closed;
  }
  co_return gone_ ? Outcome::closed : Outcome::done;
}

void TimedSocket::watch(std::string& in, size_t at_most, std::function<void()> on_gone) {
  on_gone_ = std::move(on_gone);
  watching_ = true;
  read_ahead(in, at_most);
}

void TimedSocket::read_ahead(std::string& in, size_t at_most) {
  if (in.size() >= at_most) return;  // a client that sends so far ahead is noticed when a write fails
  reading_ = true;
  socket_.async_read_some(asio::buffer(scratch_), [self = shared_from_this(), &in, at_most](error_code ec, size_t bytes) {
    self->reading_ = false;
    if (!self->watching_) {
      if (ec != asio::error::operation_aborted && ec) self->gone_ = true;
      in.append(self->scratch_, bytes);
      self->watch_ended_.cancel();
      return;
    }
    in.append(self->scratch_, bytes);
    if (!ec) return self->read_ahead(in, at_most);
    self->gone_ = true;
    error_code ignored;
    self->socket_.cancel(ignored);  // a send in progress has nobody to send to
    self->on_gone_();
  });
}

asio::awaitable<void> TimedSocket::stop_watching() {
  watching_ = false;
  if (reading_) {
    error_code ignored;
    socket_.cancel(ignored);
    watch_ended_.expires_at(asio::steady_timer::time_point::max());
    if (reading_) co_await watch_ended_.async_wait(kAwait);
  }
  on_gone_ = nullptr;
}

asio::awaitable<void> TimedSocket::linger(Duration at_most) {
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  const TimePoint until = system_clock().now() + at_most;
  std::string dropped;
  while (co_await receive(dropped, until - system_clock().now()) == Outcome::done) dropped.clear();
}

void TimedSocket::close() {
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

void TimedSocket::reset() {
  error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
}

}  // namespace yoke::coordinator::http
