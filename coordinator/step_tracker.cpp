#include "coordinator/step_tracker.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace yoke::coordinator {

StepTracker::StepTracker(const StepTrackerConfig& config, TimePoint now)
    : config_(config), issued_at_(now), done_at_(now), answered_(static_cast<size_t>(config.world), 0),
      finished_at_(static_cast<size_t>(config.world), now) {}

void StepTracker::issued(bool empty, Duration expected, TimePoint now) {
  steps_.push_back({.id = next_id_++, .empty = empty, .limit = config_.patience + 3 * expected, .issued_at = now});
  issued_at_ = now;
}

std::optional<StepTracker::Done> StepTracker::answered(int rank, const transport::proto::StepResult& result, TimePoint now) {
  uint64_t& newest = answered_[static_cast<size_t>(rank)];
  if (result.id() != newest + 1 || result.id() >= next_id_) {
    throw Error{Code::internal, fmt::format("rank {} answered step {}; its next one is {} of {}", rank, result.id(),
                                            newest + 1, next_id_ - 1)};
  }
  newest = result.id();
  finished_at_[static_cast<size_t>(rank)] = now;
  if (rank == config_.result_rank) std::ranges::find(steps_, result.id(), &Step::id)->result = result;
  if (std::ranges::min(answered_) < steps_.front().id) return std::nullopt;
  Step step = std::move(steps_.front());
  steps_.pop_front();
  const Duration took = now - began_at(step);
  done_at_ = now;
  return Done{std::move(step.result), took};
}

std::optional<Error> StepTracker::overdue(TimePoint now) const {
  if (steps_.empty() || now - began_at(steps_.front()) < steps_.front().limit) return std::nullopt;
  std::vector<int> late;
  for (int rank = 0; rank < config_.world; ++rank) {
    if (answered_[static_cast<size_t>(rank)] < steps_.front().id) late.push_back(rank);
  }
  return Error{Code::deadline_exceeded, fmt::format("step {} was not finished within {:.1f} s by rank {}", steps_.front().id,
                                                    seconds(steps_.front().limit), fmt::join(late, ", "))};
}

bool StepTracker::advances(int rank, TimePoint now) const {
  const auto work = std::ranges::find_if(steps_, [&](const Step& step) {
    return !step.empty && step.id > answered_[static_cast<size_t>(rank)];
  });
  const Duration limit = work == steps_.end() ? kIdleLimit : std::max(kIdleLimit, work->limit);
  return answered_[static_cast<size_t>(rank)] > 0 && age(rank, now) <= limit;
}

}  // namespace yoke::coordinator
