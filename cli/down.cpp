// yoke down: end a running cluster.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/state.h"
#include "cli/verbs.h"
#include "core/error.h"

namespace yoke::cli {
namespace {

constexpr int kPatienceMs = 10'000;

// Not our child, so waited for by its pidfd.
bool ends_within(pid_t pid, int milliseconds) {
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (handle < 0) return true;
  pollfd event{handle, POLLIN, 0};
  const bool ended = poll(&event, 1, milliseconds) == 1;
  close(handle);
  return ended;
}

int run(const std::string& name) {
  const std::optional<State> state = read_state(name);
  if (!state) {
    fmt::print("no cluster named '{}' runs\n", name);
    return 0;
  }
  kill(state->supervisor_pid, SIGTERM);
  if (!ends_within(state->supervisor_pid, kPatienceMs)) {
    kill(state->supervisor_pid, SIGKILL);  // its children see that and end by themselves
    throw Error{Code::deadline_exceeded,
                fmt::format("the supervisor (pid {}) did not end within {} s and was killed", state->supervisor_pid, kPatienceMs / 1000)};
  }
  fmt::print("'{}' has ended\n", name);
  return 0;
}

}  // namespace

void add_down(CLI::App& app, Action& action) {
  auto name = std::make_shared<std::string>("default");
  CLI::App* verb = app.add_subcommand("down", "end a cluster that `yoke up` started");
  verb->add_option("--name", *name, "name of the cluster");
  verb->callback([name, &action] { action = [name] { return run(*name); }; });
}

}  // namespace yoke::cli
