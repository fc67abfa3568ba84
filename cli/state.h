// What a running `yoke up` tells the other verbs: $XDG_RUNTIME_DIR/yoke/NAME/state.json, and a lock that it holds while it
// lives, so that a stale file is never taken for a running cluster.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace yoke::cli {

struct State {
  std::string name;
  std::string model;
  std::string rest_url;         // "http://127.0.0.1:8000"; empty until the coordinator listens
  std::string control_address;  // "127.0.0.1:8001"
  pid_t supervisor_pid = 0;
  pid_t serve_pid = 0;
  std::vector<pid_t> agent_pids;
  std::string version;
};

// $XDG_RUNTIME_DIR/yoke/NAME; without XDG_RUNTIME_DIR <temporary folder>/yoke-<uid>/NAME. Error{invalid_argument} for a name
// other than letters, digits, '-', '_' and '.'.
std::filesystem::path state_folder(const std::string& name);

void write_state(const State& state);                    // atomically
std::optional<State> read_state(const std::string& name);  // nothing when no such cluster runs
std::vector<std::string> running_names();

// Held by the supervisor for its life.
class StateLock {
 public:
  // Makes the folder (0700). Error{unavailable} when another supervisor holds the name.
  explicit StateLock(const std::string& name);
  ~StateLock();  // removes the folder
  StateLock(const StateLock&) = delete;
  StateLock& operator=(const StateLock&) = delete;
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
  int fd_ = -1;
};

}  // namespace yoke::cli
