// Who a rank's peers are: on this host, and alive.
#pragma once

#include <string>

#include <sys/types.h>

namespace yoke::transport::ucx {

// What a rank tells the others before any of them opens a road.
struct Neighbour {
  std::string host;  // equal for two processes if, and only if, they can share memory, see each other's pids and one `lo`
  pid_t pid = 0;
};

Neighbour this_process();

std::string to_blob(const Neighbour& neighbour);
Neighbour from_blob(const std::string& blob, int rank);  // Error{peer_lost} names the rank whose words make no sense

// A descriptor that polls readable once the process has ended; -1 where the system has none.
int open_process(pid_t pid);

}  // namespace yoke::transport::ucx
