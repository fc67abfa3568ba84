#include "node/coordinator_child.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <thread>

#include <fmt/format.h>

#include "core/error.h"
#include "node/engine_process.h"

namespace yoke::node {
namespace {

constexpr std::chrono::milliseconds kLookAgain{10};
constexpr Duration kEndsWithin = std::chrono::seconds(3);

std::filesystem::path program_beside_us() {
  const auto program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "yoke";
  if (!std::filesystem::exists(program)) {
    throw Error{Code::not_found, fmt::format("{} is not there: yoke and yoke-node belong into one folder", program.string())};
  }
  return program;
}

std::filesystem::path new_folder() {
  std::string name = std::filesystem::temp_directory_path() / "yoke-mpi-XXXXXX";
  if (!mkdtemp(name.data())) throw Error{Code::unavailable, fmt::format("cannot make the folder {}: {}", name, std::strerror(errno))};
  return name;
}

pid_t spawn(const std::filesystem::path& program, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), program);
  std::vector<std::string> environment = engine_environment(environ, "info");
  std::vector<char*> argv, envp;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  for (std::string& entry : environment) envp.push_back(entry.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, argv[0], nullptr, nullptr, argv.data(), envp.data());
  if (error != 0) throw Error{Code::unavailable, fmt::format("cannot start {}: {}", program.string(), std::strerror(error))};
  return pid;
}

}  // namespace

CoordinatorChild::CoordinatorChild(std::vector<std::string> serve_arguments) {
  const std::filesystem::path program = program_beside_us();
  folder_ = new_folder();
  serve_arguments.insert(serve_arguments.begin(), "serve");
  serve_arguments.insert(serve_arguments.end(), {"--control-port", "0", "--exit-with-parent", "--ready-file", folder_ / "ready.json"});
  pid_ = spawn(program, std::move(serve_arguments));
}

CoordinatorChild::~CoordinatorChild() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
  if (pid_ <= 0) return;
  kill(pid_, SIGTERM);
  if (ended(kEndsWithin)) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

std::string CoordinatorChild::control_address(Duration deadline) {
  const TimePoint end = system_clock().now() + deadline;
  while (system_clock().now() < end) {
    std::ifstream file(folder_ / "ready.json");
    const std::string text(std::istreambuf_iterator<char>(file), {});
    boost::system::error_code error;
    const boost::json::value ready = boost::json::parse(text, error);
    if (!error && ready.is_object()) {
      if (const auto* port = ready.as_object().if_contains("control_port"); port && port->is_number()) {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
        return fmt::format("127.0.0.1:{}", port->to_number<uint16_t>());
      }
    }
    if (ended(kLookAgain)) throw Error{Code::unavailable, "the coordinator ended before it listened; its own lines above say why"};
  }
  throw Error{Code::unavailable, fmt::format("the coordinator does not listen after {:.0f} s", seconds(deadline))};
}

bool CoordinatorChild::ended(Duration deadline) {
  const TimePoint end = system_clock().now() + deadline;
  while (waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (system_clock().now() >= end) return false;
    std::this_thread::sleep_for(kLookAgain);
  }
  pid_ = 0;
  return true;
}

}  // namespace yoke::node
