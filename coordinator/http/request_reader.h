// Bytes to one request, without I/O: a thin cover over Beast's parser, which stays in the .cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "coordinator/http/message.h"

namespace yoke::coordinator::http {

class RequestReader {
 public:
  enum class State { head, body, complete, failed };

  RequestReader(uint32_t header_limit, uint64_t body_limit);
  ~RequestReader();

  // Takes what it can use from the front of `buffer` and stops at the head's end, at the request's end or at a fault. What it
  // leaves (an unfinished head, a pipelined request) must stand at the front of the next call's buffer.
  State parse(std::string& buffer);

  // From State::body on.
  const Request& head() const { return request_; }
  State state() const { return state_; }
  bool keep_alive() const { return keep_alive_; }
  bool http_1_0() const { return http_1_0_; }
  bool wants_continue() const { return wants_continue_; }
  // After State::complete.
  Request take() { return std::move(request_); }
  // After State::failed: 400, 411, 413, 417, 431, 501 or 505, and what was wrong.
  int status() const { return status_; }
  const std::string& why() const { return why_; }

 private:
  struct Parser;

  State fail(int status, std::string why);
  State accept_head();
  State feed(std::string& buffer);

  std::unique_ptr<Parser> parser_;
  const uint32_t header_limit_;
  const uint64_t body_limit_;
  State state_ = State::head;
  Request request_;
  bool keep_alive_ = false;
  bool http_1_0_ = false;
  bool wants_continue_ = false;
  int status_ = 0;
  std::string why_;
};

}  // namespace yoke::coordinator::http
