#include "cli/state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cctype>
#include <cstdlib>
#include <fstream>

#include "core/error.h"

namespace yoke::cli {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

fs::path root_folder() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && *runtime != '\0') return fs::path(runtime) / "yoke";
  return fs::temp_directory_path() / fmt::format("yoke-{}", getuid());
}

bool is_locked(const fs::path& folder) {
  const int fd = open((folder / "lock").c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return false;
  const bool held = flock(fd, LOCK_EX | LOCK_NB) != 0;
  close(fd);
  return held;
}

}  // namespace

fs::path state_folder(const std::string& name) {
  bool good = !name.empty() && name.size() <= 64 && name[0] != '.';
  for (const unsigned char c : name) good = good && (std::isalnum(c) || c == '-' || c == '_' || c == '.');
  if (!good) {
    throw Error{Code::invalid_argument,
                fmt::format("'{}' is no name for a cluster: use up to 64 letters, digits, '-', '_' and '.'", name), "name"};
  }
  return root_folder() / name;
}

void write_state(const State& state) {
  const fs::path folder = state_folder(state.name);
  const json::value text = {{"name", state.name},
                            {"model", state.model},
                            {"rest_url", state.rest_url},
                            {"control_address", state.control_address},
                            {"supervisor_pid", state.supervisor_pid},
                            {"serve_pid", state.serve_pid},
                            {"agent_pids", json::value_from(state.agent_pids)},
                            {"version", state.version}};
  const fs::path fresh = folder / "state.json.new";
  std::ofstream(fresh) << json::serialize(text) << "\n";
  fs::rename(fresh, folder / "state.json");
}

std::optional<State> read_state(const std::string& name) {
  const fs::path folder = state_folder(name);
  if (!is_locked(folder)) return std::nullopt;
  std::ifstream file(folder / "state.json");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error) return std::nullopt;
  State state;
  try {
    state.name = value.at("name").as_string().c_str();
    state.model = value.at("model").as_string().c_str();
    state.rest_url = value.at("rest_url").as_string().c_str();
    state.control_address = value.at("control_address").as_string().c_str();
    state.supervisor_pid = value.at("supervisor_pid").to_number<pid_t>();
    state.serve_pid = value.at("serve_pid").to_number<pid_t>();
    for (const json::value& pid : value.at("agent_pids").as_array()) state.agent_pids.push_back(pid.to_number<pid_t>());
    state.version = value.at("version").as_string().c_str();
  } catch (const std::exception&) {
    return std::nullopt;  // of another version: as good as absent
  }
  return state;
}

std::vector<std::string> running_names() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root_folder(), error)) {
    if (is_locked(entry.path())) names.push_back(entry.path().filename());
  }
  return names;
}

StateLock::StateLock(const std::string& name) : folder_(state_folder(name)) {
  fs::create_directories(folder_);
  fs::permissions(folder_, fs::perms::owner_all);
  fd_ = open((folder_ / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd_ < 0 || flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    if (fd_ >= 0) close(fd_);
    throw Error{Code::unavailable,
                fmt::format("a cluster named '{0}' runs already: `yoke status --name {0}` shows it, `yoke down --name {0}` ends "
                            "it, --name OTHER starts a second one",
                            name), "name"};
  }
  fs::remove(folder_ / "state.json");
}

StateLock::~StateLock() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
  close(fd_);
}

}  // namespace yoke::cli
