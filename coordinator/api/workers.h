// Threads for what a request needs before its answer can begin and would hold up all other clients on a network thread: reading a
// long body, rendering it and encoding it. How many wait is bounded by the server's connections.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "coordinator/http/server.h"

namespace yoke::coordinator::api {

class Workers {
 public:
  using Make = std::function<std::unique_ptr<http::Answer>()>;

  Workers();
  ~Workers();  // drops what has not begun, waits for what has

  // An answer that is silent until a worker has run `make`, and from then on is the one that `make` gave, or the error that it
  // threw. `make` is not run for a client that left before its turn. Any thread.
  std::unique_ptr<http::Answer> defer(Make make, http::Waker wake);

 private:
  struct Job;
  class Deferred;
  void work();

  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<std::shared_ptr<Job>> waiting_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace yoke::coordinator::api
