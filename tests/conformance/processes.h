// Ranks as real processes, forked from the test.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "group.h"
#include "transport/communicator.h"

namespace yoke::transport::conformance {

struct BlobBoard;  // shared memory in which the processes exchange their blobs

// What a rank can tell the test while it runs.
struct Signal {
  std::atomic<bool> raised{false};
  void raise() { raised = true; }
};

// `size` processes run `rank_main`, each with a communicator of its own. What the parent knows of them ends with them: a rank
// that is still there when this object goes is killed.
class Processes {
 public:
  using RankMain = std::function<void(Communicator&, Signal& ready)>;
  Processes(int size, const Road& road, const RankMain& rank_main, const std::function<void(int rank)>& before = {});
  ~Processes();
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  void kill(int rank);
  void wait_until_ready(int rank);  // until it raised its signal

  // Empty if the rank ended well, else what it threw or how it ended. Waits.
  std::string outcome(int rank);

 private:
  [[noreturn]] void run_rank(int rank, int size, const Road& road, const RankMain& rank_main);

  BlobBoard* board_;
  std::vector<pid_t> pids_;  // 0 once waited for
};

}  // namespace yoke::transport::conformance
