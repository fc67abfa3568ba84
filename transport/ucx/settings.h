// UCX as we want it, whatever the user's UCX_* variables say: its configuration, and what it may do to the process.
#pragma once

#include <ucp/api/ucp.h>

#include <memory>
#include <string>

namespace yoke::transport::ucx {

struct ConfigRelease {
  void operator()(ucp_config_t* config) const { ucp_config_release(config); }
};
using Config = std::unique_ptr<ucp_config_t, ConfigRelease>;

// Which of UCX's transports may be used.
struct Roads {
  bool shared_memory = false;
  bool tcp = false;
  bool loopback_device_only = false;  // tcp listens on `lo` alone: all peers are on this host
};

// First call in a process: takes UCX_* out of the environment (its settings are ours, engines are small processes that nobody
// else configures by them), silences UCX's own log, and gives its signal handlers back. Any thread, once.
Config make_config(const Roads& roads);

// One piece of a message: a segment of shared memory holds one with its headers; TCP's segments are longer because each costs
// a system call.
inline constexpr uint64_t kSharedMemoryPieceBytes = 32 * 1024;
inline constexpr uint64_t kTcpPieceBytes = 64 * 1024;

// Error{code} with UCX's words, unless status is UCS_OK.
void check(ucs_status_t status, const std::string& what);

}  // namespace yoke::transport::ucx
