// A pool that the host reaches by copies only, as a GPU's memory: in fact on the heap, so that a test can look at it.
#pragma once

#include <memory>
#include <vector>

#include "node/pool.h"

namespace yoke::node {

enum class CopyTime { at_once, late };  // a copy happens when it is started, or only when somebody waits for it

// For Pool::create(). Buffers are poisoned whenever they are given out and, copied at once, after the copy: what a copy takes must have
// been written for it, and must stay until it is done.
Pool::MakeMemory copied_memory(CopyTime time);

struct CopiedTotals {
  uint64_t bytes = 0, most_pinned = 0;
};
CopiedTotals copied_totals();  // of all such pools of this process

}  // namespace yoke::node
