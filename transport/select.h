// Which road a message takes. A pure function, so that `yoke doctor` and tests can ask it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "transport/wire.h"

namespace yoke::transport {

// Where the data and the ranks are.
struct Place {
  bool one_process = false;    // ranks are threads
  bool one_host = false;       // ranks share memory
  bool device_memory = false;  // the data lies in a GPU's memory
  std::string_view no_nccl;    // why NCCL cannot be used on some rank (nccl::unavailable()); empty: all ranks can
};

struct RoadChoice {
  std::string_view backend;  // a row of registry.h, or "loopback"
  std::string_view rails;    // for CommunicatorConfig::rails
  std::string why;
};

// Up to so many bytes an all-reduce is one exchange (docs/architecture.md, decision 3): above it NCCL takes over on GPUs. Barriers
// carry nothing and never need it.
inline constexpr uint64_t kSmallBytes = 128 * 1024;

RoadChoice select(Operation operation, uint64_t bytes, const Place& place);

}  // namespace yoke::transport
