// The steps in flight of one epoch: which ranks have answered, how long each step took, which rank is late. Pure; one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "transport/control/control.pb.h"

namespace yoke::coordinator {

struct StepTrackerConfig {
  int world = 1;
  int result_rank = 0;           // fills the entries of its answers
  Duration patience{};           // for a step, beyond three times what it is expected to take
};

class StepTracker {
 public:
  // An empty step that nobody answers for so long means that a rank is stuck.
  static constexpr Duration kIdleLimit = std::chrono::seconds(3);

  StepTracker(const StepTrackerConfig& config, TimePoint now);

  uint64_t next_id() const { return next_id_; }
  int64_t in_flight() const { return static_cast<int64_t>(steps_.size()); }
  TimePoint issued_at() const { return issued_at_; }  // of the newest step

  void issued(bool empty, Duration expected, TimePoint now);

  struct Done {
    transport::proto::StepResult result;
    Duration took;  // since it could begin: since it was issued, or since the step before ended
  };
  // What is whole with this answer: nothing, or the oldest step. Error{internal} for an answer that is not the rank's next one.
  std::optional<Done> answered(int rank, const transport::proto::StepResult& result, TimePoint now);

  // The oldest step's deadline is over: Error{deadline_exceeded} names the ranks.
  std::optional<Error> overdue(TimePoint now) const;

  Duration age(int rank, TimePoint now) const { return now - finished_at_[static_cast<size_t>(rank)]; }
  // It has advanced lately: within kIdleLimit, or within the deadline of a step with work in it.
  bool advances(int rank, TimePoint now) const;

 private:
  struct Step {
    uint64_t id;
    bool empty;
    Duration limit;
    TimePoint issued_at;
    transport::proto::StepResult result;  // of the result rank
  };
  TimePoint began_at(const Step& step) const { return std::max(step.issued_at, done_at_); }

  const StepTrackerConfig config_;
  std::deque<Step> steps_;
  uint64_t next_id_ = 1;
  TimePoint issued_at_{};
  TimePoint done_at_;                   // of the newest whole step
  std::vector<uint64_t> answered_;      // newest step by rank
  std::vector<TimePoint> finished_at_;  // by rank
};

}  // namespace yoke::coordinator
