// Counters and gauges under vLLM's names (vllm:num_requests_running, vllm:time_to_first_token_seconds, ...), so that existing
// dashboards work. Any thread.
#pragma once

#include <memory>
#include <string>

#include "coordinator/service.h"

namespace yoke::coordinator {

class Metrics {
 public:
  explicit Metrics(const std::string& model_name);
  ~Metrics();

  void request_finished(FinishReason reason, int64_t prompt_tokens, int64_t generated_tokens, Duration to_first_token,
                        Duration whole);
  void token_gap(Duration between_tokens);       // time per output token
  void tokens(int64_t prompt, int64_t generated);  // as they are computed
  void preempted();
  void http_request(int status);
  // The Prometheus text page; gauges are taken from `status`.
  std::string text(const ServiceStatus& status) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace yoke::coordinator
