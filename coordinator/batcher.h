// All sequences of an epoch and the blocks they hold: asks the scheduler for the next step, makes its frame, and hands what
// comes back to the requests' streams. No I/O and no clock; the dispatcher's thread only.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "coordinator/block_allocator.h"
#include "coordinator/metrics.h"
#include "coordinator/sequence.h"
#include "coordinator/step_pace.h"
#include "transport/control/control.pb.h"

namespace yoke::coordinator {

struct BatcherConfig {
  SchedulerLimits limits;
  SequenceLimits sequence;
  int64_t kv_blocks = 0;
  int64_t vocab = 0;
  int64_t row_width = 0;  // floats of a row that an engine sends: logits, or an encoder's states
};

class Batcher {
 public:
  // `pace` and `metrics` outlive it: what steps cost is the same in the next epoch.
  Batcher(const BatcherConfig& config, StepPace& pace, Metrics& metrics);

  void add(uint64_t id, GenerateRequest request, std::shared_ptr<EventBuffer> events, TimePoint now);
  void add(uint64_t id, LogitsRequest request, std::shared_ptr<EventBuffer> events, TimePoint now);
  void cancel(uint64_t id, TimePoint now);

  // The next step's frame; nothing when there is nothing to compute.
  std::optional<transport::proto::Step> plan(uint64_t step);
  // A step without rows; it carries the releases that wait.
  transport::proto::Step idle(uint64_t step);

  // What came back. Error{internal} for what no engine should say.
  void on_rows(const transport::proto::LogitRows& rows);
  // `us`: what the step took, for the pace. Steps end in the order in which they were planned.
  void on_done(const transport::proto::StepResult& result, double us, TimePoint now);

  // Every stream ends with `error`; nothing is left.
  void abandon(const Error& error, TimePoint now);

  double expected_us() const;  // of the newest step
  int64_t sequences() const { return static_cast<int64_t>(sequences_.size()); }
  int64_t count(Phase phase) const;
  const BlockAllocator& blocks() const { return blocks_; }

 private:
  struct Rows {
    uint64_t sequence;
    int64_t start;
    int64_t rows;
    bool sample;
    bool prompt_logprobs;
    std::vector<int64_t> logit_positions;
  };
  struct InFlight {
    uint64_t step;
    std::vector<Rows> rows;
    int64_t decode_rows = 0;
    int64_t prefill_rows = 0;
  };

  void insert(std::unique_ptr<Sequence> sequence, TimePoint now);
  Sequence* find(uint64_t id);
  SchedulerState state() const;
  void pause(uint64_t id);
  Rows put(const PlannedRows& rows, uint64_t step, transport::proto::StepEntry& entry);
  void release_into(transport::proto::Step& step);
  void take_result(Sequence& sequence, const Rows& rows, const transport::proto::EntryResult& result, TimePoint now);
  void take_token(Sequence& sequence, const transport::proto::EntryResult& result, TimePoint now);
  void end(Sequence& sequence, FinishEvent event, TimePoint now);

  const BatcherConfig config_;
  StepPace& pace_;
  Metrics& metrics_;
  BlockAllocator blocks_;
  std::map<uint64_t, std::unique_ptr<Sequence>> sequences_;  // by arrival
  std::deque<InFlight> in_flight_;
  std::vector<uint64_t> released_;  // engines are to forget them
};

}  // namespace yoke::coordinator
