// An engine as its agent sees it: a child process and a socket. Belongs to one io_context's thread.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "transport/control/control.pb.h"
#include "transport/control/frame_stream.h"

namespace yoke::node {

class EngineProcess {
 public:
  struct Handlers {
    std::function<void(transport::proto::Envelope)> on_frame;
    std::function<void(std::string how)> on_ended;  // it went by itself; it has been reaped. Not after kill()
  };

  // Starts `/proc/self/exe --engine 3` in a scrubbed environment and gives it the pool. Error{unavailable} if the system has no
  // room for a process.
  EngineProcess(boost::asio::io_context& context, const transport::proto::Attach& attach, std::vector<int> pool_descriptors,
                const std::string& log_level, Handlers handlers);
  ~EngineProcess();  // kills and reaps it
  EngineProcess(const EngineProcess&) = delete;
  EngineProcess& operator=(const EngineProcess&) = delete;

  pid_t pid() const { return pid_; }
  void write(const transport::proto::Envelope& envelope) { stream_->write(envelope); }
  void pause_reading(bool paused) { stream_->pause_reading(paused); }

 private:
  std::string end();  // SIGKILL, waitpid; how it went

  pid_t pid_ = 0;
  std::shared_ptr<transport::FrameStream> stream_;
};

// What an engine sees of its agent's environment: PATH, HOME, LANG, LC_*, TZ, LD_LIBRARY_PATH, YOKE_* and sanitizers' options, and
// nothing of the user's UCX_*, OMPI_*, PMIX_*, MPI settings (docs/architecture.md, decision 11). As "NAME=value".
std::vector<std::string> engine_environment(const char* const* environment, const std::string& log_level);

}  // namespace yoke::node
