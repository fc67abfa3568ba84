#include "coordinator/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>

namespace yoke::coordinator {
namespace {

using prometheus::Histogram;

const Histogram::BucketBoundaries kFirstTokenS{0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75,
                                               1,     2.5,   5,    7.5,  10,   20,   40,   80,  160,  640};
const Histogram::BucketBoundaries kTokenGapS{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3,
                                             0.4,   0.5,    0.75,  1,    2.5,   5,    10,    20,  40,   80};
const Histogram::BucketBoundaries kWholeS{0.05, 0.1, 0.3, 0.5, 0.8, 1,   1.5, 2,   2.5, 5,    10,  15,
                                          20,   30,  40,  50,  60,  120, 240, 480, 960, 1920, 7680};
const Histogram::BucketBoundaries kTokens{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000};

// vLLM's label values where it has them.
std::string_view reason_label(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop: return "stop";
    case FinishReason::length: return "length";
    case FinishReason::cancelled: return "abort";
    case FinishReason::error: return "error";
  }
  return "";
}

}  // namespace

struct Metrics::State {
  explicit State(const std::string& model_name) : labels{{"model_name", model_name}} {
    for (const FinishReason reason : {FinishReason::stop, FinishReason::length, FinishReason::cancelled, FinishReason::error}) {
      requests[static_cast<size_t>(reason)] = &request_success.Add({{"finished_reason", std::string(reason_label(reason))}});
    }
  }

  prometheus::Gauge& gauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Labels(labels).Register(registry).Add({});
  }
  prometheus::Counter& counter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Labels(labels).Register(registry).Add({});
  }
  Histogram& histogram(const char* name, const char* help, const Histogram::BucketBoundaries& buckets) {
    return prometheus::BuildHistogram().Name(name).Help(help).Labels(labels).Register(registry).Add({}, buckets);
  }

  const prometheus::Labels labels;
  prometheus::Registry registry;
  prometheus::Gauge& running = gauge("vllm:num_requests_running", "Requests in the batch.");
  prometheus::Gauge& waiting = gauge("vllm:num_requests_waiting", "Requests that wait for a place, paused ones among them.");
  prometheus::Gauge& cache = gauge("vllm:kv_cache_usage_perc", "Share of the KV cache in use; 1 is all of it.");
  prometheus::Gauge& ready = gauge("yoke:ready", "1 when every rank advanced a step lately.");
  prometheus::Gauge& epoch = gauge("yoke:epoch", "Grows each time the group is formed.");
  prometheus::Counter& preemptions = counter("vllm:num_preemptions_total", "Sequences paused because blocks ran out.");
  prometheus::Counter& prompt_tokens = counter("vllm:prompt_tokens_total", "Prompt tokens computed.");
  prometheus::Counter& generated_tokens = counter("vllm:generation_tokens_total", "Tokens generated.");
  prometheus::Family<prometheus::Counter>& request_success = prometheus::BuildCounter()
                                                                 .Name("vllm:request_success_total")
                                                                 .Help("Requests that ended, by reason.")
                                                                 .Labels(labels)
                                                                 .Register(registry);
  prometheus::Family<prometheus::Counter>& http = prometheus::BuildCounter()
                                                      .Name("yoke:http_requests_total")
                                                      .Help("HTTP responses, by status.")
                                                      .Labels(labels)
                                                      .Register(registry);
  Histogram& first_token =
      histogram("vllm:time_to_first_token_seconds", "From a request's arrival to its first token.", kFirstTokenS);
  Histogram& token_gap = histogram("vllm:time_per_output_token_seconds", "Between two tokens of a request.", kTokenGapS);
  Histogram& inter_token = histogram("vllm:inter_token_latency_seconds", "Between two tokens of a request.", kTokenGapS);
  Histogram& whole = histogram("vllm:e2e_request_latency_seconds", "From a request's arrival to its end.", kWholeS);
  Histogram& prompt_size = histogram("vllm:request_prompt_tokens", "Prompt tokens of a request.", kTokens);
  Histogram& generated_size = histogram("vllm:request_generation_tokens", "Tokens generated for a request.", kTokens);
  std::array<prometheus::Counter*, 4> requests{};
};

Metrics::Metrics(const std::string& model_name) : state_(std::make_unique<State>(model_name)) {}
Metrics::~Metrics() = default;

void Metrics::request_finished(FinishReason reason, int64_t prompt_tokens, int64_t generated_tokens, Duration to_first_token,
                               Duration whole) {
  state_->requests[static_cast<size_t>(reason)]->Increment();
  state_->whole.Observe(seconds(whole));
  state_->prompt_size.Observe(static_cast<double>(prompt_tokens));
  state_->generated_size.Observe(static_cast<double>(generated_tokens));
  if (generated_tokens > 0) state_->first_token.Observe(seconds(to_first_token));
}

void Metrics::token_gap(Duration between_tokens) {
  state_->token_gap.Observe(seconds(between_tokens));
  state_->inter_token.Observe(seconds(between_tokens));
}

void Metrics::tokens(int64_t prompt, int64_t generated) {
  if (prompt > 0) state_->prompt_tokens.Increment(static_cast<double>(prompt));
  if (generated > 0) state_->generated_tokens.Increment(static_cast<double>(generated));
}

void Metrics::preempted() { state_->preemptions.Increment(); }

void Metrics::http_request(int status) { state_->http.Add({{"status", std::to_string(status)}}).Increment(); }

std::string Metrics::text(const ServiceStatus& status) const {
  state_->running.Set(static_cast<double>(status.running));
  state_->waiting.Set(static_cast<double>(status.waiting + status.paused));
  const double total = static_cast<double>(std::max<int64_t>(1, status.kv_blocks_total));
  state_->cache.Set(static_cast<double>(status.kv_blocks_used) / total);
  state_->ready.Set(status.ready ? 1 : 0);
  state_->epoch.Set(static_cast<double>(status.epoch));
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

}  // namespace yoke::coordinator
