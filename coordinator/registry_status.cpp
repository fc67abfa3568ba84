// What the registry tells people.
#include <fmt/format.h>

#include <algorithm>

#include "coordinator/registry.h"

namespace yoke::coordinator {

std::string Registry::missing() const {
  std::vector<std::string> parts;
  switch (state_) {
    case GroupState::serving: return "";
    case GroupState::gathering: {
      parts.push_back(fmt::format("{} of {} agents are here", agents_.size(), ranks_.size()));
      for (const Rank& slot : ranks_) {
        if (!slot.agent && !slot.trouble.empty()) parts.push_back(fmt::format("rank {}: {}", slot.status.rank, slot.trouble));
      }
      break;
    }
    case GroupState::loading:
      for (const Rank& slot : ranks_) {
        if (slot.load == Load::done) continue;
        const uint64_t total = std::max<uint64_t>(1, slot.status.load_bytes_total);
        parts.push_back(slot.load == Load::asked
                            ? fmt::format("rank {} is loading ({} %)", slot.status.rank, 100 * slot.status.load_bytes_done / total)
                            : fmt::format("rank {}: {}", slot.status.rank, slot.trouble.empty() ? "it has to load again" : slot.trouble));
      }
      break;
    case GroupState::resting:
      parts.push_back(fmt::format("the group broke more than {} times within a minute, last because {}; it is tried again soon",
                                  config_.max_restarts, last_trouble_));
      break;
    case GroupState::forming:
      for (const Rank& slot : ranks_) {
        if (!slot.ready) parts.push_back(fmt::format("the engine of rank {} is not ready yet", slot.status.rank));
      }
      break;
  }
  return fmt::format("{}: {}", name(state_), fmt::join(parts, "; "));
}

std::vector<RankStatus> Registry::ranks() const {
  std::vector<RankStatus> all;
  for (const Rank& slot : ranks_) {
    RankStatus status = slot.status;
    if (!slot.agent) status.state = "missing";
    else if (slot.load != Load::done) status.state = "loading";
    else status.state = slot.ready && state_ == GroupState::serving ? "ready" : "forming";
    all.push_back(std::move(status));
  }
  return all;
}

}  // namespace yoke::coordinator
