#include "node/hangup_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace yoke::node {
namespace {

// Data that waits to be read does not wake it: POLLRDHUP is all it asks for (POLLHUP and POLLERR come unasked).
void watch(int socket, int stop, const std::function<void()>& on_hangup) {
  while (true) {
    pollfd watched[] = {{socket, POLLRDHUP, 0}, {stop, POLLIN, 0}};
    if (poll(watched, 2, -1) < 0 && errno == EINTR) continue;
    if (watched[1].revents == 0) on_hangup();
    return;
  }
}

}  // namespace

HangupWatch::HangupWatch(int socket, std::function<void()> on_hangup)
    : stop_(eventfd(0, EFD_CLOEXEC)),
      thread_([socket, stop = stop_, on_hangup = std::move(on_hangup)] { watch(socket, stop, on_hangup); }) {}

HangupWatch::~HangupWatch() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(stop_, &one, sizeof one);
  thread_.join();
  close(stop_);
}

}  // namespace yoke::node
