// Which agent gets which rank. Pure.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace yoke::coordinator {

struct Applicant {
  uint64_t agent = 0;
  int held_rank = -1;       // its pool holds this rank's shard already
  int preferred_rank = -1;  // asked for on its command line
};

// Every free rank gets one of at least as many applicants: who holds its shard, else who asked for it, else who came first.
std::vector<std::pair<int, uint64_t>> rank_assignment(const std::vector<int>& free, const std::vector<Applicant>& applicants);

}  // namespace yoke::coordinator
