// Pieces as active messages of UCP: shared memory within a host, TCP between hosts.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "transport/ucx/settings.h"
#include "transport/wire.h"

namespace yoke::transport::ucx {

// A rank's end, before it knows the others.
class Worker {
 public:
  explicit Worker(const Roads& roads);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  std::string address() const;
  ucp_worker_h handle() const { return worker_; }
  int event_fd() const { return event_fd_; }  // readable when an armed worker has work

 private:
  ucp_context_h context_ = nullptr;
  ucp_worker_h worker_ = nullptr;
  int event_fd_ = -1;
};

struct PeerAddress {
  std::string worker;          // Worker::address()
  int pid = 0;                 // to watch it, where it is on this host; else 0
  bool shared_memory = false;  // the road to it
};

// `peers` in rank order; the own entry is not used. Error{unavailable} if a road cannot be built.
std::unique_ptr<Wire> make_wire(std::unique_ptr<Worker> worker, int rank, const std::vector<PeerAddress>& peers);

}  // namespace yoke::transport::ucx
