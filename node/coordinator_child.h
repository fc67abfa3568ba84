// The coordinator as the child of an MPI job's rank 0. One thread.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/clock.h"

namespace yoke::node {

class CoordinatorChild {
 public:
  // Starts the `yoke` that lies beside this program, without MPI's settings in its environment. Error{not_found} if none does.
  explicit CoordinatorChild(std::vector<std::string> serve_arguments);
  ~CoordinatorChild();  // SIGTERM, and SIGKILL if it has not ended 3 s later
  CoordinatorChild(const CoordinatorChild&) = delete;
  CoordinatorChild& operator=(const CoordinatorChild&) = delete;

  // "127.0.0.1:PORT", once it listens. Error{unavailable} when it ends before that (it has said why) or the time is over.
  std::string control_address(Duration deadline);

 private:
  bool ended(Duration deadline);

  pid_t pid_ = 0;
  std::filesystem::path folder_;  // of the ready file
};

}  // namespace yoke::node
