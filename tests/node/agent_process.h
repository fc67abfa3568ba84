// A yoke-node process of a test: started, watched, never left behind.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"

namespace yoke::node {

// The yoke-node that was built beside this test.
std::string yoke_node_program();

class AgentProcess {
 public:
  explicit AgentProcess(std::vector<std::string> arguments);
  AgentProcess(const AgentProcess&) = delete;
  AgentProcess& operator=(const AgentProcess&) = delete;
  ~AgentProcess();  // SIGKILL

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  // 0..255, or 1000 + the signal that killed it; nothing while it still runs at the deadline.
  std::optional<int> exit_code(Duration deadline);

 private:
  pid_t pid_ = 0;
};

// Whether a process (a child, or the orphan of one: the first call makes us its next of kin) is gone by the deadline.
bool ends_within(pid_t pid, Duration deadline);
void adopt_orphans();

}  // namespace yoke::node
