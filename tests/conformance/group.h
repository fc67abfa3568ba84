// Groups of ranks as threads, over every road that the suite is typed with.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <vector>

#include "transport/communicator.h"

namespace yoke::transport::conformance {

// The exchange of CommunicatorConfig among threads: everyone's blob, in rank order, round after round.
class RoundTable {
 public:
  explicit RoundTable(int size) : size_(size) {}
  Exchange seat(int rank);

 private:
  std::vector<std::string> exchange(int rank, const std::string& mine);

  const int size_;
  std::mutex mutex_;
  std::condition_variable complete_;
  std::vector<std::vector<std::string>> rounds_;  // of each, by rank
  std::vector<int> came_;                         // ranks, by round
  std::vector<int> next_ = std::vector<int>(size_, 0);
};

struct Road {
  std::string name;     // "loopback", "ucx_shm", "ucx_tcp", "nccl"
  std::string backend;  // a row of the registry; empty: loopback
  std::string rails;
  bool device = false;  // it works on device memory: the tests' buffers are copied there and back (on_device.h)
  int haste = 1;        // long tests do so many times less
  bool loopback() const { return backend.empty(); }
};
inline void PrintTo(const Road& road, std::ostream* out) { *out << road.name; }

using Group = std::vector<std::unique_ptr<Communicator>>;

// One rank's communicator, in the thread or process of that rank; on a device, rank r takes the emulated device r.
std::unique_ptr<Communicator> make_rank(const Road& road, CommunicatorConfig config);

Group make_group(const Road& road, int size);

// Runs `rank_main` once a rank, each in a thread of its own; what a rank throws fails the test, with its rank.
void run_ranks(Group& group, const std::function<void(Communicator&)>& rank_main);

}  // namespace yoke::transport::conformance
