#include "node/engine_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include <fmt/format.h>

#include "core/error.h"
#include "transport/control/frame_socket.h"

namespace yoke::node {
namespace {

namespace proto = transport::proto;

// Steps wait in the stream's queue and the socket: both are bounded, and an engine that takes nothing is ended.
constexpr transport::ChannelLimits kEngineLimits{.max_queue_bytes = 64u << 20};
constexpr int kEngineSocket = 3;

// posix_spawn's two objects, so that an error between their making and their end leaks neither.
struct SpawnSettings {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  SpawnSettings() {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
};

pid_t spawn_engine(int socket, const std::string& log_level) {
  SpawnSettings settings;
  posix_spawn_file_actions_addopen(&settings.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&settings.files, socket, kEngineSocket);
  posix_spawn_file_actions_addclosefrom_np(&settings.files, kEngineSocket + 1);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&settings.attributes, &none);
  posix_spawnattr_setsigdefault(&settings.attributes, &all);
  posix_spawnattr_setflags(&settings.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::string arguments[] = {"yoke-node", "--engine", std::to_string(kEngineSocket)};
  char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), nullptr};
  std::vector<std::string> environment = engine_environment(environ, log_level);
  std::vector<char*> envp;
  for (std::string& entry : environment) envp.push_back(entry.data());
  envp.push_back(nullptr);

  pid_t pid = 0;
  const int error = posix_spawn(&pid, "/proc/self/exe", &settings.files, &settings.attributes, argv, envp.data());
  if (error != 0) throw Error{Code::unavailable, fmt::format("cannot start an engine: {}", std::strerror(error))};
  return pid;
}

std::string describe(pid_t pid, int status) {
  if (WIFSIGNALED(status)) {
    return fmt::format("engine {} was killed by signal {} ({})", pid, WTERMSIG(status), strsignal(WTERMSIG(status)));
  }
  return fmt::format("engine {} ended with status {}", pid, WEXITSTATUS(status));
}

}  // namespace

EngineProcess::EngineProcess(boost::asio::io_context& context, const proto::Attach& attach, std::vector<int> pool_descriptors,
                             const std::string& log_level, Handlers handlers) {
  transport::SocketPair sockets = transport::make_socket_pair();
  pid_ = spawn_engine(sockets.engine.get(), log_level);
  sockets.engine = Descriptor();
  transport::FrameSocket first(std::move(sockets.agent));
  proto::Envelope envelope;
  *envelope.mutable_attach() = attach;
  try {
    first.write(envelope, std::move(pool_descriptors));  // into an empty socket: does not block
  } catch (const Error& error) {
    const std::string how = end();
    throw Error{Code::unavailable, fmt::format("{} at its start ({})", how, error.what())};
  }
  stream_ = transport::make_frame_stream(context, first.release(), kEngineLimits);
  stream_->start({.on_frame = std::move(handlers.on_frame),
                  .on_ended = [this, ended = std::move(handlers.on_ended)](const Error&) {
                    const auto callback = ended;  // it may destroy us
                    callback(end());
                  }});
}

EngineProcess::~EngineProcess() {
  if (stream_) stream_->close();
  end();
}

// The socket of a dead process is closed before it can be waited for: the kill changes nothing then, and otherwise makes the
// wait short.
std::string EngineProcess::end() {
  if (pid_ <= 0) return {};
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  return describe(std::exchange(pid_, 0), status);
}

}  // namespace yoke::node
