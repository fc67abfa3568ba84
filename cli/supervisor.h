// `yoke up`: one coordinator and its local agents as child processes; what dies is started again (bounded), everything ends with
// the supervisor. One thread, which must be the main one.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "cli/cluster_options.h"
#include "cli/state.h"
#include "core/clock.h"

namespace yoke::cli {

// Whether a child that ended may be started again: at most `most` times within `window`, decided without looking at a clock.
class RestartBudget {
 public:
  RestartBudget(int most, Duration window) : most_(most), window_(window) {}
  bool take(TimePoint now);

 private:
  int most_;
  Duration window_;
  std::deque<TimePoint> taken_;
};

class Supervisor {
 public:
  Supervisor(ClusterOptions options, std::string name);  // options as with_gpus() gives them
  ~Supervisor();

  struct Watch {
    std::function<void(const State&)> on_waiting;  // again and again from when the coordinator listens until it is ready
    std::function<void(const State&)> on_ready;    // once, when /health/ready first says so
  };

  // Starts all and supervises until SIGINT or SIGTERM (returns 0) or until something cannot be kept alive (returns its exit
  // code, with the log's end on stderr).
  int run(Watch watch);

 private:
  struct Child {
    std::string label;  // "coordinator", "agent 0"
    std::string log;
    pid_t pid = 0;
  };

  void start_coordinator();
  void start_agent(int rank);
  bool read_ready_file();
  void publish();
  void poll_readiness();
  std::optional<int> on_child_exit(pid_t pid, int exit_code);
  void print_log_end(const Child& child) const;

  ClusterOptions options_;
  StateLock lock_;
  State state_;
  Child coordinator_;
  std::vector<Child> agents_;
  RestartBudget budget_;
  bool listening_ = false;   // the coordinator wrote its ready file
  bool was_ready_ = false;
  Watch watch_;
};

}  // namespace yoke::cli
