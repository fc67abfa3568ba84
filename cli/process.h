// Child processes of the command line: started with a clean signal state in a process group of their own, so that Ctrl-C
// reaches only the supervisor, and told to end when their parent ends.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"

namespace yoke::cli {

struct SpawnOptions {
  std::vector<std::string> argv;  // argv[0] is the program's path
  std::string log_file;           // stdout and stderr are appended here; empty: inherited
  bool new_session = false;       // outlives the terminal and the parent (`up --detach`); else it ends with the parent
};

// Error{internal} when the system refuses, Error{not_found} when the program is not there. Call from the main thread: the
// kernel ties "ends with the parent" to the calling thread.
pid_t spawn(const SpawnOptions& options);

// The exit code (128 + signal for a killed one), or nothing if it still runs at the deadline. Reaps it.
std::optional<int> wait_for_exit(pid_t pid, Duration deadline);

// SIGTERM, then SIGKILL to those that still run after `patience`; all are reaped on return.
void stop_all(const std::vector<pid_t>& pids, Duration patience);

// Call first thing in a child that was spawned with new_session = false and given --exit-with-parent: SIGTERM when the parent
// dies, and at once if it died already.
void exit_with_parent();

// The program beside this one: "yoke", "yoke-node".
std::string sibling_program(const std::string& name);

}  // namespace yoke::cli
