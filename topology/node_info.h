// What this node has. Reads /proc and the scheduler's affinity; any thread.
#pragma once

#include <cstdint>
#include <string>

namespace yoke::topology {

struct NodeInfo {
  std::string host_name;
  int usable_cores = 1;                 // sched_getaffinity
  uint64_t memory_total_bytes = 0;
  uint64_t memory_available_bytes = 0;  // MemAvailable: what can be taken without swapping
};

NodeInfo probe_node();

}  // namespace yoke::topology
