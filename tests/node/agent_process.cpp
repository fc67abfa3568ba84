#include "tests/node/agent_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <thread>

namespace yoke::node {
namespace {

constexpr std::chrono::milliseconds kLookAgain{2};

}  // namespace

std::string yoke_node_program() {
  const auto program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "yoke-node";
  if (!std::filesystem::exists(program)) throw std::runtime_error(program.string() + " is not built: build the target yoke-node");
  return program;
}

AgentProcess::AgentProcess(std::vector<std::string> arguments) {
  adopt_orphans();
  arguments.insert(arguments.begin(), yoke_node_program());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  if (posix_spawn(&pid_, argv[0], nullptr, nullptr, argv.data(), environ) != 0) throw std::runtime_error("cannot start yoke-node");
}

AgentProcess::~AgentProcess() {
  if (pid_ <= 0) return;
  signal(SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void AgentProcess::signal(int number) const {
  if (pid_ > 0) kill(pid_, number);
}

std::optional<int> AgentProcess::exit_code(Duration deadline) {
  const TimePoint end = system_clock().now() + deadline;
  int status = 0;
  while (waitpid(pid_, &status, WNOHANG) == 0) {
    if (system_clock().now() > end) return std::nullopt;
    std::this_thread::sleep_for(kLookAgain);
  }
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

void adopt_orphans() { prctl(PR_SET_CHILD_SUBREAPER, 1); }

bool ends_within(pid_t pid, Duration deadline) {
  const TimePoint end = system_clock().now() + deadline;
  while (true) {
    waitpid(pid, nullptr, WNOHANG);  // ours if its own parent is gone
    if (kill(pid, 0) != 0) return true;
    if (system_clock().now() > end) return false;
    std::this_thread::sleep_for(kLookAgain);
  }
}

}  // namespace yoke::node
