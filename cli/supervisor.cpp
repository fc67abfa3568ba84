#include "cli/supervisor.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include <boost/json.hpp>
#include <fstream>

#include "cli/cluster_status.h"
#include "cli/process.h"
#include "cli/rest_client.h"
#include "core/error.h"
#include "core/log.h"
#include "core/version.h"
#include "model/known/layers.h"

namespace yoke::cli {
namespace {

constexpr int kMostRestarts = 5;
constexpr auto kRestartWindow = std::chrono::minutes(1);
constexpr auto kStopPatience = std::chrono::seconds(5);
constexpr size_t kLogEndBytes = 2000;

// The signals that the supervisor waits for; blocked, so that none is lost between two waits.
sigset_t awaited_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&signals, signal);
  return signals;
}

int wait_for_signal(const sigset_t& signals, std::chrono::milliseconds at_most) {
  const timespec timeout{at_most.count() / 1000, at_most.count() % 1000 * 1'000'000};
  return sigtimedwait(&signals, nullptr, &timeout);
}

// A child that ends with one of these will do so again: usage, does not fit.
bool is_permanent(int exit_code) { return exit_code == 2 || exit_code == 4; }

}  // namespace

bool RestartBudget::take(TimePoint now) {
  while (!taken_.empty() && now - taken_.front() > window_) taken_.pop_front();
  if (static_cast<int>(taken_.size()) >= most_) return false;
  taken_.push_back(now);
  return true;
}

Supervisor::Supervisor(ClusterOptions options, std::string name)
    : options_(std::move(options)), lock_(name), budget_(kMostRestarts, kRestartWindow) {
  state_.name = std::move(name);
  state_.model = model::known::is_layers(options_.model) ? options_.model : std::filesystem::absolute(options_.model).string();
  state_.supervisor_pid = getpid();
  state_.version = kVersion;
  coordinator_ = {"coordinator", (lock_.folder() / "coordinator.log").string()};
  for (int rank = 0; rank < resolve_layout(options_).world(); ++rank) {
    agents_.push_back({fmt::format("agent {}", rank), (lock_.folder() / fmt::format("agent-{}.log", rank)).string()});
  }
}

Supervisor::~Supervisor() {
  std::vector<pid_t> pids;
  for (const Child& agent : agents_) {
    if (agent.pid > 0) pids.push_back(agent.pid);
  }
  if (coordinator_.pid > 0) pids.push_back(coordinator_.pid);
  stop_all(pids, kStopPatience);
}

void Supervisor::start_coordinator() {
  listening_ = false;
  std::filesystem::remove(lock_.folder() / "ready.json");
  std::vector<std::string> argv = {sibling_program("yoke"), "serve"};
  const std::vector<std::string> arguments = options_.serve_arguments();
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  argv.insert(argv.end(), {"--port", std::to_string(options_.port), "--control-port", std::to_string(options_.control_port),
                           "--ready-file", (lock_.folder() / "ready.json").string(), "--exit-with-parent"});
  coordinator_.pid = spawn({.argv = argv, .log_file = coordinator_.log});
}

void Supervisor::start_agent(int rank) {
  std::vector<std::string> argv = {sibling_program("yoke-node"), "--coordinator", state_.control_address, "--rank",
                                   std::to_string(rank), "--exit-with-parent"};
  const std::vector<std::string> arguments = options_.agent_arguments();
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  if (options_.gpus > 0) argv.insert(argv.end(), {"--gpu", std::to_string(rank % options_.gpus)});
  agents_[rank].pid = spawn({.argv = argv, .log_file = agents_[rank].log});
}

// The coordinator writes where it listens once it does. From then on its ports stay, also over a restart, so that agents and
// clients find it again.
bool Supervisor::read_ready_file() {
  std::ifstream file(lock_.folder() / "ready.json");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(text, error);
  if (error || !value.is_object()) return false;
  options_.port = value.at("rest_port").to_number<int>();
  options_.control_port = value.at("control_port").to_number<int>();
  const std::string host = options_.host == "0.0.0.0" ? "127.0.0.1" : options_.host;
  state_.rest_url = fmt::format("http://{}:{}", host.find(':') == std::string::npos ? host : "[" + host + "]", options_.port);
  state_.control_address = fmt::format("127.0.0.1:{}", options_.control_port);
  return true;
}

void Supervisor::publish() {
  state_.serve_pid = coordinator_.pid;
  state_.agent_pids.clear();
  for (const Child& agent : agents_) state_.agent_pids.push_back(agent.pid);
  write_state(state_);
}

void Supervisor::poll_readiness() {
  if (!listening_) {
    listening_ = read_ready_file();
    if (!listening_) return;
    for (size_t rank = 0; rank < agents_.size(); ++rank) {
      if (agents_[rank].pid == 0) start_agent(static_cast<int>(rank));
    }
    publish();
  }
  if (was_ready_) return;
  try {
    was_ready_ = is_ready(state_.rest_url);
  } catch (const Error&) {
    return;  // not answering yet; its exit is noticed by SIGCHLD
  }
  (was_ready_ ? watch_.on_ready : watch_.on_waiting)(state_);
}

void Supervisor::print_log_end(const Child& child) const {
  std::ifstream file(child.log, std::ios::ate);
  const std::streamoff size = file.tellg();
  file.seekg(std::max<std::streamoff>(0, size - static_cast<std::streamoff>(kLogEndBytes)));
  fmt::print(stderr, "--- the end of the {}'s log ---\n{}\n", child.label, std::string(std::istreambuf_iterator<char>(file), {}));
}

std::optional<int> Supervisor::on_child_exit(pid_t pid, int exit_code) {
  Child* child = coordinator_.pid == pid ? &coordinator_ : nullptr;
  int rank = -1;
  for (size_t i = 0; i < agents_.size(); ++i) {
    if (agents_[i].pid == pid) child = &agents_[i], rank = static_cast<int>(i);
  }
  if (child == nullptr) return std::nullopt;
  child->pid = 0;
  if (is_permanent(exit_code) && !was_ready_) {
    print_log_end(*child);
    return exit_code;
  }
  if (!budget_.take(system_clock().now())) {
    print_log_end(*child);
    fmt::print(stderr, "yoke: the {} ended {} times within a minute; giving up\n", child->label, kMostRestarts + 1);
    return exit_code == 0 ? 1 : exit_code;
  }
  spdlog::warn("the {} ended with exit code {}; starting it again", child->label, exit_code);
  if (rank < 0) start_coordinator();
  else if (listening_) start_agent(rank);
  if (!state_.rest_url.empty()) publish();
  return std::nullopt;
}

int Supervisor::run(Watch watch) {
  watch_ = std::move(watch);
  const sigset_t signals = awaited_signals();
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  start_coordinator();
  publish();
  while (true) {
    const int signal = wait_for_signal(signals, std::chrono::milliseconds(was_ready_ && listening_ ? 500 : 20));
    if (signal == SIGINT || signal == SIGTERM || signal == SIGHUP) return 0;
    int status = 0;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
      const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
      if (const std::optional<int> end = on_child_exit(pid, code)) return *end;
    }
    poll_readiness();
  }
}

}  // namespace yoke::cli
