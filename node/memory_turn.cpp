#include "node/memory_turn.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include <fmt/format.h>

#include "core/error.h"

namespace yoke::node {
namespace {

constexpr std::chrono::milliseconds kAskAgain{10};  // a turn takes as long as the kernel needs to hand out the pages

}  // namespace

MemoryTurn::MemoryTurn(Duration patience, const char* name) : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string unique = fmt::format("{}-{}", name, getuid());
  unique.copy(address.sun_path + 1, sizeof address.sun_path - 1);  // a leading zero: abstract, not a file
  const socklen_t size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + unique.size());

  const TimePoint end = system_clock().now() + patience;
  while (bind(socket_, reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    const int why = errno;
    if (why == EADDRINUSE && system_clock().now() < end) {
      std::this_thread::sleep_for(kAskAgain);
      continue;
    }
    close(socket_);
    throw Error{Code::unavailable, fmt::format("another agent of this node has been taking its memory for {:.0f} s ({}): try again",
                                               seconds(patience), std::strerror(why))};
  }
}

MemoryTurn::~MemoryTurn() { close(socket_); }

}  // namespace yoke::node
