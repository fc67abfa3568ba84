#include "coordinator/http/connection.h"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace yoke::coordinator::http {
namespace {

namespace asio = boost::asio;
using Outcome = TimedSocket::Outcome;

// A client may send its next requests before we answered; we read on, so as to notice its going, until this much waits.
constexpr size_t kReadAhead = 64 << 10;
// How long a refused client may go on sending before we close on it.
constexpr Duration kLinger = std::chrono::seconds(1);

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, const Limits& limits, Handler& handler)
    : socket_(std::make_shared<TimedSocket>(std::move(socket))),
      limits_(limits),
      handler_(handler),
      turn_timer_(socket_->executor()),
      closing_(socket_->executor()) {}

Connection::~Connection() {
  if (wake_line_) wake_line_->cut();
}

asio::awaitable<void> Connection::run() {
  const auto self = shared_from_this();
  wake_line_ = std::make_shared<WakeLine>([this] {  // cut before this ends
    asio::post(socket_->executor(), [weak = weak_from_this()] {
      const auto connection = weak.lock();
      if (!connection) return;
      connection->woken_ = true;
      connection->nudge();
    });
  });
  bool open = true;
  while (open && !stopping_) {
    RequestReader reader(limits_.header_bytes, limits_.body_bytes);
    open = co_await hear(reader);
    if (!open) break;
    co_await answer(reader);
    open = stage_ == Stage::done && framing_.keep_alive && !socket_->gone();
    first_request_ = false;
  }
  wake_line_->cut();
  closing_.cancel();
  if (stage_ == Stage::aborted) {
    socket_->reset();
  } else {
    socket_->close();
  }
}

asio::awaitable<void> Connection::turn_away() {
  const auto self = shared_from_this();
  framing_ = {.keep_alive = false};
  co_await refuse(handler_.refusal(503, "all connections are taken; try again later"));
  socket_->close();
}

// One whole request; false when there is none to answer (any more).
asio::awaitable<bool> Connection::hear(RequestReader& reader) {
  stage_ = Stage::waiting;
  framing_ = {.keep_alive = false};
  without_body_ = false;
  const bool head = co_await hear_head(reader);
  if (!head) co_return false;
  begin(reader);
  const bool body = co_await hear_body(reader);
  co_return body;
}

// A head has header_timeout from its first byte, or from the connection's beginning.
asio::awaitable<bool> Connection::hear_head(RequestReader& reader) {
  bool timed = first_request_;
  TimePoint until = system_clock().now() + (timed ? limits_.header_timeout : limits_.idle_timeout);
  while (reader.parse(in_) == RequestReader::State::head) {
    if (!timed && !in_.empty()) {
      timed = true;
      until = system_clock().now() + limits_.header_timeout;
    }
    const Outcome outcome = co_await socket_->receive(in_, until - system_clock().now());
    if (outcome == Outcome::late && !in_.empty()) {
      co_await refuse(handler_.refusal(408, "the request's head did not arrive in time"));
    }
    if (outcome != Outcome::done) co_return false;
  }
  co_return true;
}

void Connection::begin(const RequestReader& reader) {
  const bool one_zero = reader.http_1_0();
  framing_ = {.keep_alive = reader.keep_alive() && !stopping_, .http_1_0 = one_zero};
  without_body_ = reader.head().method == "HEAD";
}

// The head is decided upon before a byte of the body is awaited.
asio::awaitable<bool> Connection::hear_body(RequestReader& reader) {
  RequestReader::State state = reader.state();
  if (state == RequestReader::State::body) {
    std::optional<Response> refusal = handler_.admit(reader.head());
    state = reader.parse(in_);
    if (refusal && state == RequestReader::State::body) {
      co_await refuse(std::move(*refusal));
      co_return false;
    }
    refusal_ = std::move(refusal);
    if (reader.wants_continue() && state == RequestReader::State::body) {
      const Outcome sent = co_await socket_->send("HTTP/1.1 100 Continue\r\n\r\n", limits_.write_timeout);
      if (sent != Outcome::done) co_return false;
    }
  }
  const TimePoint until = system_clock().now() + limits_.body_timeout;
  while (state == RequestReader::State::body) {
    const Outcome outcome = co_await socket_->receive(in_, until - system_clock().now());
    if (outcome == Outcome::late) co_await refuse(handler_.refusal(408, "the request's body did not arrive in time"));
    if (outcome != Outcome::done) co_return false;
    state = reader.parse(in_);
  }
  if (state == RequestReader::State::failed) {
    co_await refuse(handler_.refusal(reader.status(), reader.why()));
    co_return false;
  }
  co_return true;
}

// Says why, and closes: what follows on this connection is the rest of a request that we do not want.
asio::awaitable<void> Connection::refuse(Response response) {
  framing_.keep_alive = false;
  respond(std::move(response));
  const Outcome sent = co_await socket_->send(out_, kLinger);
  out_.clear();
  if (sent == Outcome::done) co_await socket_->linger(kLinger);
}

asio::awaitable<void> Connection::answer(RequestReader& reader) {
  answering_ = true;
  woken_ = false;
  wake_line_->heard();
  const std::unique_ptr<Answer> answer =
      refusal_ ? make_answer(std::move(*refusal_)) : handler_.handle(reader.take(), [line = wake_line_] { line->wake(); });
  advance(*answer, Turn::started);
  bool sent = co_await flush();
  if (sent && !ended()) {
    socket_->watch(in_, kReadAhead, [this] { nudge(); });
    while (sent && !ended()) {
      const Turn turn = co_await next_turn();
      if (socket_->gone()) break;
      advance(*answer, turn);
      sent = co_await flush();
    }
    co_await socket_->stop_watching();
  }
  answering_ = false;
}

asio::awaitable<bool> Connection::flush() {
  const Outcome outcome = co_await socket_->send(out_, limits_.write_timeout);
  out_.clear();
  co_return outcome == Outcome::done;
}

asio::awaitable<Turn> Connection::next_turn() {
  if (!woken_ && !stopping_ && !socket_->gone()) {
    turn_timer_.expires_after(limits_.quiet);
    co_await turn_timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  if (stopping_) co_return Turn::stopping;
  if (!woken_) co_return Turn::quiet;
  woken_ = false;
  wake_line_->heard();
  co_return Turn::woken;
}

void Connection::advance(Answer& answer, Turn turn) {
  try {
    answer.advance(turn, *this);
  } catch (const std::exception& error) {
    spdlog::error("http: an answer failed: {}", error.what());
    if (stage_ == Stage::waiting) {
      respond(handler_.refusal(500, "a fault of the server's"));
    } else {
      abort();
    }
  }
  // An answer that does not end when asked to is ended.
  if (turn == Turn::stopping && stage_ != Stage::done) abort();
}

void Connection::stop(Duration within) {
  asio::post(socket_->executor(), [self = shared_from_this(), within] {
    self->stopping_ = true;
    self->nudge();
    if (!self->answering_) self->socket_->close();
    self->closing_.expires_after(within);
    self->closing_.async_wait([weak = std::weak_ptr(self)](boost::system::error_code ec) {
      const auto connection = weak.lock();
      if (!ec && connection) connection->socket_->close();
    });
  });
}

void Connection::respond(Response response) {
  handler_.answered(response.status);
  framing_.keep_alive = framing_.keep_alive && !stopping_;
  out_ += response_head(response, framing_);
  if (!without_body_) out_ += response.body;
  stage_ = Stage::done;
}

void Connection::begin_stream(Response head) {
  handler_.answered(head.status);
  framing_.stream = true;
  framing_.chunked = !framing_.http_1_0;
  framing_.keep_alive = framing_.keep_alive && framing_.chunked && !stopping_;
  out_ += response_head(head, framing_);
  stage_ = Stage::streaming;
}

void Connection::write(std::string_view bytes) {
  if (framing_.chunked) {
    append_chunk(out_, bytes);
  } else {
    out_ += bytes;
  }
}

void Connection::finish() {
  if (framing_.chunked) out_ += kLastChunk;
  stage_ = Stage::done;
}

void Connection::abort() { stage_ = Stage::aborted; }

}  // namespace yoke::coordinator::http
