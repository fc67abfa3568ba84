// HTTP/1.1 under limits. What a request means is the Handler's business; how bytes come and go, how long a client may take
// and what happens when it goes away is decided here. No Beast and no Asio in this header.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "coordinator/http/message.h"
#include "core/clock.h"

namespace yoke::coordinator::http {

// Where an Answer puts its bytes. Nothing blocks: bytes are collected and leave after advance() returns.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void respond(Response response) = 0;   // a whole response; ends the answer
  virtual void begin_stream(Response head) = 0;  // its body is ignored; then write()s, then finish() or abort()
  virtual void write(std::string_view bytes) = 0;
  virtual void finish() = 0;
  virtual void abort() = 0;  // the body ends in a way that no client can take for its end
};

// Why an Answer is asked to go on.
enum class Turn {
  started,   // the first time
  woken,     // somebody called its Waker
  quiet,     // nothing happened for Limits::quiet
  stopping,  // the server shuts down: say so and end now
};

// One request being answered. advance() is called by one thread at a time, and only after everything written so far has been
// handed to the kernel: an answer that produces little per call cannot pile up memory before a slow reader. The destructor is
// how an answer learns that its client is gone.
class Answer {
 public:
  virtual ~Answer() = default;
  virtual void advance(Turn turn, Responder& out) = 0;
};

// Asks for another turn. Any thread, at any time, also after the answer is gone.
using Waker = std::function<void()>;

// Its methods are called from several threads at once, and should not throw.
class Handler {
 public:
  virtual ~Handler() = default;
  // Looks at the head before the body is read; a response refuses the request.
  virtual std::optional<Response> admit(const Request& head) = 0;
  // Never null.
  virtual std::unique_ptr<Answer> handle(Request request, Waker wake) = 0;
  // The body of the server's own refusals (408, 411, 413, 431, 503, ...).
  virtual Response refusal(int status, std::string_view why) = 0;
  // Once for every response that was begun.
  virtual void answered(int status) = 0;
};

// An answer that is there at once.
std::unique_ptr<Answer> make_answer(Response response);

struct Limits {
  uint64_t body_bytes = 4 << 20;
  uint32_t header_bytes = 16 << 10;
  int connections = 256;                                 // more get 503 and are closed
  Duration header_timeout = std::chrono::seconds(10);    // from a request's first byte (or the connection's beginning)
  Duration body_timeout = std::chrono::seconds(60);      // a whole body
  Duration write_timeout = std::chrono::seconds(60);     // a reader that takes nothing for so long is cut off
  Duration quiet = std::chrono::seconds(10);             // Turn::quiet
  Duration idle_timeout = std::chrono::seconds(120);     // between two requests of one connection
};

class Server {
 public:
  // Binds, listens and starts its two threads. Error{unavailable} where the address cannot be bound.
  Server(const std::string& host, uint16_t port, const Limits& limits, Handler& handler);
  ~Server();  // stop()
  uint16_t port() const;
  // Gives every open answer its Turn::stopping, waits at most `within` for the bytes to leave, closes. Idempotent.
  void stop(Duration within = std::chrono::milliseconds(1500));

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// True for 127.0.0.0/8, ::1 and localhost. Names that resolve to anything else are not.
bool is_loopback(const std::string& host);

}  // namespace yoke::coordinator::http
