// The table of communicator backends, and the choice among them.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "transport/communicator.h"

namespace yoke::transport {

struct CommunicatorBackend {
  std::string_view name;         // "ucx", "nccl"
  std::string (*unavailable)();  // why it cannot be used here; empty when it can
  std::unique_ptr<Communicator> (*make)(const CommunicatorConfig& config);
};

std::span<const CommunicatorBackend> communicator_backends();
const CommunicatorBackend& communicator_backend(std::string_view name);  // Error{invalid_argument} lists the names

// Ranks as threads of one process; all `size` communicators of a new group, in rank order. For tests and one-process runs.
std::vector<std::unique_ptr<Communicator>> make_loopback_group(int size);

}  // namespace yoke::transport
