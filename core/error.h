// Operating errors: peer gone, bad file, no memory, bad request. Each carries a code, the numbers and the remedy, and is
// caught at the boundary that can answer it. Programmer errors are YOKE_ASSERT, on in release.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace yoke {

enum class Code {
  invalid_argument,   // the caller's request is wrong
  not_found,          // no such model, file, request
  unauthorized,       // no or wrong key
  unsupported,        // understood, and not offered by this build or this model
  too_large,          // a body, a header or a file over a stated limit
  context_exceeded,   // prompt and max_tokens need more positions than the model has
  does_not_fit,       // the ledger says no: memory
  overloaded,         // a bounded queue is full; try again later
  bad_file,           // a file's bytes are not what its format says
  peer_lost,          // another process or node is gone or does not answer
  deadline_exceeded,  // a wait ended without its event
  aborted,            // given up because somebody asked for it
  unavailable,        // not ready yet, or shutting down
  internal,           // a fault of ours
};

// Every code, for tables and tests.
inline constexpr Code kCodes[] = {
    Code::invalid_argument, Code::not_found,  Code::unauthorized,      Code::unsupported, Code::too_large,
    Code::context_exceeded, Code::does_not_fit, Code::overloaded,      Code::bad_file,    Code::peer_lost,
    Code::deadline_exceeded, Code::aborted,   Code::unavailable,       Code::internal};

std::string_view name(Code code);
Code code_from_name(std::string_view name);  // Code::internal for an unknown name (a newer peer)

// The one place where a code becomes an HTTP status, and the one where it becomes an exit code.
// Exit codes: 0 done, 1 failed, 2 usage, 3 unhealthy, 4 does not fit, 5 peer unreachable.
int http_status(Code code);
int exit_code(Code code);

class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& message, std::string param = {})
      : std::runtime_error(message), code_(code), param_(std::move(param)) {}

  Code code() const { return code_; }
  // The field of a request, or the flag, that is wrong; empty where none is.
  const std::string& param() const { return param_; }

 private:
  Code code_;
  std::string param_;
};

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace yoke

#define YOKE_ASSERT(expression) \
  (static_cast<bool>(expression) ? void(0) : ::yoke::assertion_failed(#expression, __FILE__, __LINE__))
