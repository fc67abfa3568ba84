#include "coordinator/rank_assignment.h"

#include <algorithm>

#include "core/error.h"

namespace yoke::coordinator {

std::vector<std::pair<int, uint64_t>> rank_assignment(const std::vector<int>& free, const std::vector<Applicant>& applicants) {
  YOKE_ASSERT(free.size() <= applicants.size());
  std::vector<int> ranks = free;
  std::vector<Applicant> left = applicants;
  std::vector<std::pair<int, uint64_t>> assigned;
  const auto give = [&](auto suits) {
    std::erase_if(ranks, [&](int rank) {
      const auto found = std::ranges::find_if(left, [&](const Applicant& a) { return suits(a, rank); });
      if (found == left.end()) return false;
      assigned.emplace_back(rank, found->agent);
      left.erase(found);
      return true;
    });
  };
  give([](const Applicant& a, int rank) { return a.held_rank == rank; });
  give([](const Applicant& a, int rank) { return a.preferred_rank == rank; });
  // Those who asked for a rank that is taken, or for none.
  give([](const Applicant&, int) { return true; });
  return assigned;
}

}  // namespace yoke::coordinator
