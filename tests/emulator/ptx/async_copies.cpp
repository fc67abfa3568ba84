#include "tests/emulator/ptx/async_copies.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace yoke::emulator {

void AsyncCopies::issue(AsyncCopy copy, bool late) {
  if (!late) copy_lanes(copy, copy.mask);
  copy.group = committed_;
  pending_.push_back(copy);
}

void AsyncCopies::commit(uint32_t mask) {
  for (uint32_t lane = 0; lane < 32; ++lane) committed_[lane] += mask >> lane & 1;
}

uint32_t AsyncCopies::pending_line(uint32_t mask) const {
  const auto found = std::find_if(pending_.begin(), pending_.end(), [&](const AsyncCopy& copy) { return (copy.mask & mask) != 0; });
  return found == pending_.end() ? 0 : found->line;
}

void AsyncCopies::clear() {
  pending_.clear();
  committed_.fill(0);
}

void AsyncCopies::copy_lanes(const AsyncCopy& copy, uint32_t lanes) {
  for (; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<size_t>(std::countr_zero(lanes));
    if (copy.from_bytes[lane] != 0) std::memcpy(copy.to[lane], copy.from[lane], copy.from_bytes[lane]);
    std::memset(copy.to[lane] + copy.from_bytes[lane], 0, copy.bytes - copy.from_bytes[lane]);
  }
}

}  // namespace yoke::emulator
