// The cp.async copies of one warp. Groups belong to threads: each lane counts its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace yoke::emulator {

struct Warp;

struct AsyncCopy {
  uint32_t mask = 0;  // lanes whose copy is pending
  uint32_t line = 0;
  uint32_t bytes = 0;
  std::array<std::byte*, 32> to{};
  std::array<const std::byte*, 32> from{};
  std::array<uint32_t, 32> from_bytes{};  // the rest is zeroed
  std::array<uint32_t, 32> group{};
};

class AsyncCopies {
 public:
  // late: the bytes move at the wait, else at once.
  void issue(AsyncCopy copy, bool late);
  void commit(uint32_t mask);
  // Leaves the latest `pending` committed groups of each lane; calls done(copy, lanes) for what it completes.
  template <class Done>
  void wait(uint32_t mask, uint32_t pending, bool uncommitted_too, bool late, Done done);
  // The line of a copy that one of the lanes has not waited for; 0 if none.
  uint32_t pending_line(uint32_t mask) const;
  void clear();

 private:
  static void copy_lanes(const AsyncCopy& copy, uint32_t lanes);

  std::vector<AsyncCopy> pending_;
  std::array<uint32_t, 32> committed_{};
};

template <class Done>
void AsyncCopies::wait(uint32_t mask, uint32_t pending, bool uncommitted_too, bool late, Done done) {
  size_t kept = 0;
  for (size_t i = 0; i < pending_.size(); ++i) {
    AsyncCopy& copy = pending_[i];
    uint32_t complete = 0;
    for (uint32_t lane = 0; lane < 32; ++lane) {
      const bool covered = uncommitted_too || (copy.group[lane] < committed_[lane] && committed_[lane] - copy.group[lane] > pending);
      complete |= static_cast<uint32_t>(covered) << lane;
    }
    complete &= mask & copy.mask;
    if (complete != 0) {
      if (late) copy_lanes(copy, complete);
      done(copy, complete);
      copy.mask &= ~complete;
    }
    if (copy.mask != 0) {
      if (kept != i) pending_[kept] = copy;
      ++kept;
    }
  }
  pending_.resize(kept);
}

}  // namespace yoke::emulator
