// The REST endpoint: routes, limits, keys. Runs on threads of its own; talks to the scheduler's thread through Service only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "coordinator/metrics.h"
#include "coordinator/served_model.h"
#include "coordinator/service.h"

namespace yoke::coordinator::api {

struct RestConfig {
  std::string host = "127.0.0.1";     // another than loopback needs api_key_file
  uint16_t port = 8000;               // 0: any free one
  std::string api_key_file;           // one "name:sha256" a line
  bool allow_logits = false;          // POST /yoke/v1/logits
  bool allow_request_templates = false;  // `chat_template` in a request
  uint64_t max_body_bytes = 4 << 20;
  uint32_t max_header_bytes = 16 << 10;
  int max_connections = 256;
  int max_choices = 8;                // `n`
  Duration header_timeout = std::chrono::seconds(10);
  Duration write_timeout = std::chrono::seconds(60);   // a reader that takes nothing for so long is cut off
  Duration keep_alive = std::chrono::seconds(10);      // comment lines in a silent stream
  Duration idle_timeout = std::chrono::seconds(120);   // between requests of one connection
};

class Rest {
 public:
  // Binds at once: Error{invalid_argument} for a host that is not loopback without keys, Error{unavailable} for a port in use.
  Rest(const RestConfig& config, const ServedModel& model, Service& service, Metrics& metrics);
  ~Rest();  // stop()
  uint16_t port() const;
  void stop();  // ends open streams with an error event, then closes; bounded to 2 s

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace yoke::coordinator::api
