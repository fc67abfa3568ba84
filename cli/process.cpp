#include "cli/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "core/error.h"

namespace yoke::cli {
namespace {

int as_exit_code(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

// Between fork and exec: only async-signal-safe calls.
[[noreturn]] void become(const SpawnOptions& options, std::vector<char*>& argv, pid_t parent) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (options.new_session) {
    setsid();
  } else {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1);
  }
  if (!options.log_file.empty()) {
    const int log = open(options.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log >= 0) {
      dup2(log, STDOUT_FILENO);
      dup2(log, STDERR_FILENO);
    }
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null >= 0) dup2(null, STDIN_FILENO);
  }
  execv(argv[0], argv.data());
  _exit(127);
}

}  // namespace

pid_t spawn(const SpawnOptions& options) {
  if (!std::filesystem::exists(options.argv.at(0))) {
    throw Error{Code::not_found, fmt::format("the program {} is not there: build it with scripts/test or scripts/quickstart", options.argv[0])};
  }
  std::vector<std::string> copies = options.argv;
  std::vector<char*> argv;
  for (std::string& argument : copies) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) throw Error{Code::internal, fmt::format("cannot start {}: {}", options.argv[0], strerror(errno))};
  if (pid == 0) become(options, argv, parent);
  return pid;
}

std::optional<int> wait_for_exit(pid_t pid, Duration deadline) {
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (handle >= 0) {
    pollfd event{handle, POLLIN, 0};
    const TimePoint end = system_clock().now() + deadline;
    while (true) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - system_clock().now());
      const int ready = poll(&event, 1, static_cast<int>(std::max<int64_t>(0, left.count())));
      if (ready >= 0 || errno != EINTR) break;
    }
    close(handle);
  }
  int status = 0;
  const pid_t reaped = waitpid(pid, &status, WNOHANG);
  if (reaped == 0) return std::nullopt;
  return reaped == pid ? as_exit_code(status) : 1;
}

void stop_all(const std::vector<pid_t>& pids, Duration patience) {
  for (const pid_t pid : pids) kill(pid, SIGTERM);
  const TimePoint end = system_clock().now() + patience;
  for (const pid_t pid : pids) {
    if (wait_for_exit(pid, std::max(Duration::zero(), Duration(end - system_clock().now())))) continue;
    kill(pid, SIGKILL);
    wait_for_exit(pid, std::chrono::seconds(5));
  }
}

void exit_with_parent() {
  const pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent || parent == 1) raise(SIGTERM);
}

std::string sibling_program(const std::string& name) {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

}  // namespace yoke::cli
