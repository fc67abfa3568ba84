#include "node/health.h"

#include "topology/node_info.h"

namespace yoke::node {

void fill_heartbeat(const Health& health, transport::proto::Heartbeat& heartbeat) {
  heartbeat.set_last_step(health.last_step);
  heartbeat.set_engine_pid(static_cast<uint64_t>(health.engine_pid));
  heartbeat.set_bytes_read(health.bytes_read);
  heartbeat.set_pool_bytes(health.pool_bytes);
  heartbeat.set_memory_available_bytes(topology::probe_node().memory_available_bytes);
}

}  // namespace yoke::node
