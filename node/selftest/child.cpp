#include "node/selftest/child.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"
#include "node/engine_process.h"
#include "node/selftest/pool_check.h"
#include "node/selftest/ranks.h"

namespace yoke::node::selftest {
namespace {

constexpr size_t kMostBytes = 64 << 10;
constexpr int kHigh = 64;  // descriptors are first moved out of the way of those that they become

// Ours; the child's goes to `theirs`.
Descriptor make_pair(Descriptor& theirs) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    throw Error{Code::internal, fmt::format("cannot make a socket: {}", strerror(errno))};
  theirs = Descriptor(ends[1]);
  return Descriptor(ends[0]);
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

// Between fork and exec: only async-signal-safe calls.
[[noreturn]] void become(const std::vector<char*>& argv, const std::vector<char*>& environment,
                         const std::vector<int>& descriptors, pid_t parent) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  int high[16];
  const int count = static_cast<int>(descriptors.size());
  for (int i = 0; i < count; ++i) high[i] = fcntl(descriptors[static_cast<size_t>(i)], F_DUPFD_CLOEXEC, kHigh);
  for (int i = 0; i < count; ++i) {
    if (dup2(high[i], kChildChannel + i) < 0) _exit(1);
  }
  execve(argv[0], argv.data(), environment.data());
  _exit(127);
}

}  // namespace

void Channel::send(const std::string& message) {
  YOKE_ASSERT(message.size() <= kMostBytes);
  ssize_t sent;
  do sent = ::send(fd(), message.data(), message.size(), MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) throw Error{Code::peer_lost, fmt::format("the other process of the self-test is gone: {}", strerror(errno))};
}

std::string Channel::receive(Duration deadline) {
  const TimePoint end = system_clock().now() + deadline;
  std::string message(kMostBytes, '\0');
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - system_clock().now()).count();
    pollfd event{fd(), POLLIN, 0};
    const int ready = poll(&event, 1, static_cast<int>(std::max<int64_t>(0, left)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) {
      throw Error{Code::deadline_exceeded, fmt::format("the other process of the self-test said nothing for {:.0f} s", seconds(deadline))};
    }
    const ssize_t bytes = recv(fd(), message.data(), message.size(), 0);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes <= 0) throw Error{Code::peer_lost, "the other process of the self-test ended"};
    message.resize(static_cast<size_t>(bytes));
    if (message.starts_with("error ")) throw Error{Code::internal, message.substr(6)};
    return message;
  }
}

Child::Child(const std::string& program, std::vector<std::string> arguments, const std::vector<int>& inherited) {
  YOKE_ASSERT(inherited.size() < 15);
  Descriptor theirs;
  channel_ = Channel(make_pair(theirs));
  arguments.insert(arguments.begin(), {program, "--selftest-child"});
  std::vector<std::string> variables = engine_environment(environ, "warn");  // what an engine would see
  const std::vector<char*> argv = pointers(arguments), environment = pointers(variables);
  std::vector<int> descriptors{theirs.get()};
  descriptors.insert(descriptors.end(), inherited.begin(), inherited.end());
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) throw Error{Code::internal, fmt::format("cannot start {}: {}", program, strerror(errno))};
  if (pid_ == 0) become(argv, environment, descriptors, parent);
}

void Child::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
}

Child::~Child() { kill(); }

int run_child(const std::vector<std::string>& arguments) {
  Channel channel{Descriptor(kChildChannel)};
  try {
    const std::string role = arguments.empty() ? "" : arguments.front();
    if (role == "rank") run_rank(arguments, channel);
    else if (role == "pool") run_pool_engine(arguments, channel);
    else throw Error{Code::invalid_argument, fmt::format("no role '{}'", role)};
    return 0;
  } catch (const std::exception& error) {
    try {
      channel.send(std::string("error ") + error.what());
    } catch (const Error&) {
      return 1;  // nobody listens any more
    }
    return 1;
  }
}

}  // namespace yoke::node::selftest
