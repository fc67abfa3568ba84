// An engine must not outlive its agent, also while it waits in a collective: a thread watches the socket between them.
#pragma once

#include <functional>
#include <thread>

namespace yoke::node {

class HangupWatch {
 public:
  // Calls `on_hangup`, on the watching thread, when the other end of `socket` is closed, at most once. `socket` must outlive it.
  HangupWatch(int socket, std::function<void()> on_hangup);
  ~HangupWatch();
  HangupWatch(const HangupWatch&) = delete;
  HangupWatch& operator=(const HangupWatch&) = delete;

 private:
  int stop_;  // an eventfd
  std::jthread thread_;
};

}  // namespace yoke::node
