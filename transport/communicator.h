// What ranks of one group say to each other within a step. One interface, a row a backend (registry.h), one conformance
// suite for all. Calls of one communicator come from one thread, in the same order on every rank; abort() from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/dtype.h"

namespace yoke::transport {

// Every operation ends by its deadline: done, or Error{deadline_exceeded} that names the operation, the bytes and the rank that
// did not come, Error{peer_lost} when a peer is known to be gone, Error{aborted} after abort(). After an error the
// communicator is broken: every further call fails at once with the first error's words. Form a new group.
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual std::string_view backend() const = 0;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  // In place: data = the sum over ranks, added in rank order (((r0 + r1) + r2) ...), equal bits on every rank.
  // dtype f32, f16 or bf16 (each addition is rounded to the type). 1 byte to 16 MiB and more.
  virtual void all_reduce(void* data, int64_t count, Dtype dtype, Duration deadline) = 0;

  // Rank r's part is part_bytes[r] bytes (may be 0, may differ); `all` receives them in rank order. `mine` may lie in `all` at
  // its own place.
  virtual void all_gather(std::span<const std::byte> mine, std::byte* all, std::span<const uint64_t> part_bytes,
                          Duration deadline) = 0;

  virtual void broadcast(std::span<std::byte> data, int root, Duration deadline) = 0;

  // Messages between two ranks arrive in order; recv's size must equal the send's. send may return before the peer receives,
  // but the buffer is free for reuse when it returns.
  virtual void send(std::span<const std::byte> data, int to, Duration deadline) = 0;
  virtual void recv(std::span<std::byte> data, int from, Duration deadline) = 0;

  virtual void barrier(Duration deadline) = 0;

  // Ends a call in progress in any thread within 100 ms, and all later ones.
  virtual void abort() noexcept = 0;
};

// Bootstrap is injected: gives everyone's blob, in rank order, for mine. Blocks until all came or its own deadline.
using Exchange = std::function<std::vector<std::string>(const std::string& mine)>;

struct CommunicatorConfig {
  int rank = 0;
  int size = 1;
  Exchange exchange;           // not used by loopback
  std::string rails;           // ucx: "auto" (shared memory on one host, TCP between), "shm", "tcp": for tests and benches
  Duration spin = std::chrono::microseconds(50);  // busy polling before a wait blocks; 0 where ranks share a core
};

}  // namespace yoke::transport
