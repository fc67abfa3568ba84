// The seam between HTTP and the one thread that schedules: a bounded stream of events each way. Implemented by
// dispatcher.cpp for real, and by a fake in the tests of api/.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "coordinator/request.h"
#include "core/clock.h"

namespace yoke::coordinator {

struct LogitsEvent {
  int64_t position = 0;
  std::vector<float> row;
};
struct PromptEvent {                 // once, before the first token, when prompt_logprobs was asked for
  std::vector<PromptLogprob> logprobs;  // prompt.size() - 1 of them
};
struct FinishEvent {
  FinishReason reason = FinishReason::stop;
  std::optional<Error> error;        // with FinishReason::error
};
using Event = std::variant<TokenEvent, PromptEvent, LogitsEvent, FinishEvent>;

// One request's answer. The producer stops producing (the sequence is not scheduled) while kMaxPending events wait, so a slow
// reader cannot grow memory. Destroying or cancelling it takes the sequence out within one step.
class Stream {
 public:
  static constexpr size_t kMaxPending = 64;
  virtual ~Stream() = default;
  // Everything that waits, at once; empty when nothing does. The last event of every stream is a FinishEvent. Any thread.
  virtual std::vector<Event> take() = 0;
  // Calls `notify` (from any thread, without locks held) whenever something arrived; once at once if something waits.
  virtual void on_event(std::function<void()> notify) = 0;
  virtual void cancel() = 0;
};

struct RankStatus {
  int rank = 0;
  std::string node;
  std::string state;            // "missing", "loading", "forming", "ready", "stuck"
  std::string device;           // where it computes, or before a load means to: "cpu", "cuda (NVIDIA GB10)"
  std::string device_reason;    // why there, where --device auto chose
  std::string pool;             // where its pool lies (node/pool_memory.h); empty before the load
  int64_t agent_pid = 0;
  int64_t engine_pid = 0;
  uint64_t bytes_read = 0;
  uint64_t pool_bytes = 0;
  uint64_t load_bytes_done = 0;
  uint64_t load_bytes_total = 0;
  double step_age_s = 0;        // since this rank last finished a step
};

struct ServiceStatus {
  bool ready = false;
  std::string reason;           // what is missing, when not ready
  uint64_t epoch = 0;
  uint64_t instance = 0;
  std::string layout;           // "tp2pp1"
  std::string math;
  std::string kv;               // the cache's element type, as --kv names it
  bool pack = false;            // weights in their packed forms
  std::string device;           // of all ranks; where they differ, each one's once
  std::vector<RankStatus> ranks;
  int64_t running = 0, waiting = 0, paused = 0;
  int64_t kv_blocks_total = 0, kv_blocks_used = 0;
};

class Service {
 public:
  virtual ~Service() = default;
  // Throws at once: Error{overloaded} when the queue is full, Error{context_exceeded} with the numbers, Error{does_not_fit} for
  // a request larger than the whole cache, Error{unavailable} when the cluster is not ready. Any thread.
  virtual std::shared_ptr<Stream> generate(GenerateRequest request) = 0;
  virtual std::shared_ptr<Stream> logits(LogitsRequest request) = 0;
  virtual ServiceStatus status() const = 0;
};

}  // namespace yoke::coordinator
