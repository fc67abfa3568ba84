// What an agent tells of itself in every heartbeat.
#pragma once

#include <cstdint>

#include "transport/control/control.pb.h"

namespace yoke::node {

struct Health {
  uint64_t last_step = 0;   // the newest that the engine finished in this epoch
  int64_t engine_pid = 0;   // 0: none
  uint64_t bytes_read = 0;  // from disk since the agent started
  uint64_t pool_bytes = 0;
};

// Adds what the system says now: the memory that is available.
void fill_heartbeat(const Health& health, transport::proto::Heartbeat& heartbeat);

}  // namespace yoke::node
