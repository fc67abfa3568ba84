// Agents of one node measure the free memory and take their pools one after the other: two that measured at once would both
// see room for themselves and together take more than there is.
#pragma once

#include "core/clock.h"

namespace yoke::node {

// Held from construction to destruction, by one process of this user at a time. It is an abstract Unix socket's name: the kernel
// gives it back when the holder dies, and no file is left. A turn that does not come within `patience` is Error{unavailable}.
class MemoryTurn {
 public:
  explicit MemoryTurn(Duration patience = std::chrono::seconds(60), const char* name = "yoke-memory-turn");
  MemoryTurn(const MemoryTurn&) = delete;
  MemoryTurn& operator=(const MemoryTurn&) = delete;
  ~MemoryTurn();

 private:
  int socket_ = -1;
};

}  // namespace yoke::node
