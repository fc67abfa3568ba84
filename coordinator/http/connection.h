// One client's connection: reads requests one after another, answers each, and lets go when the client does. Everything runs
// on the connection's strand; only stop() and wakers come from other threads. For server.cpp only (it shows Asio).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "coordinator/http/request_reader.h"
#include "coordinator/http/server.h"
#include "coordinator/http/timed_socket.h"
#include "coordinator/http/wake_line.h"

namespace yoke::coordinator::http {

class Connection : public std::enable_shared_from_this<Connection>, private Responder {
 public:
  // `socket`'s executor is the strand.
  Connection(boost::asio::ip::tcp::socket socket, const Limits& limits, Handler& handler);
  ~Connection() override;

  boost::asio::awaitable<void> run();
  // Says 503 to a client that came when all places were taken.
  boost::asio::awaitable<void> turn_away();
  // Asks an open answer to end, and closes after `within` at the latest. Any thread.
  void stop(Duration within);

 private:
  enum class Stage { waiting, streaming, done, aborted };

  boost::asio::awaitable<bool> hear(RequestReader& reader);
  boost::asio::awaitable<bool> hear_head(RequestReader& reader);
  boost::asio::awaitable<bool> hear_body(RequestReader& reader);
  boost::asio::awaitable<void> answer(RequestReader& reader);
  boost::asio::awaitable<bool> flush();
  boost::asio::awaitable<Turn> next_turn();
  boost::asio::awaitable<void> refuse(Response response);
  void begin(const RequestReader& reader);
  void advance(Answer& answer, Turn turn);
  bool ended() const { return stage_ == Stage::done || stage_ == Stage::aborted; }
  void nudge() { turn_timer_.cancel(); }

  // Responder, for the answer in progress.
  void respond(Response response) override;
  void begin_stream(Response head) override;
  void write(std::string_view bytes) override;
  void finish() override;
  void abort() override;

  const std::shared_ptr<TimedSocket> socket_;
  const Limits limits_;
  Handler& handler_;
  boost::asio::steady_timer turn_timer_;  // the wait between two turns
  boost::asio::steady_timer closing_;     // after stop()
  std::shared_ptr<WakeLine> wake_line_;

  std::string in_;   // received and not yet parsed
  std::string out_;  // written by the answer and not yet sent

  bool first_request_ = true;
  bool stopping_ = false;
  bool answering_ = false;
  bool woken_ = false;

  // Of the request in progress.
  std::optional<Response> refusal_;  // what the handler said to its head
  Stage stage_ = Stage::waiting;
  Framing framing_;
  bool without_body_ = false;  // HEAD
};

}  // namespace yoke::coordinator::http
