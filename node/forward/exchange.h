// How two ranks' halves meet within a step that a GPU works alone. The join of a recorded step stores a number when its half is
// complete and waits for the peer's; here the host, between the two, sends the one and receives the other (docs/cuda.md has the
// protocol, tests/node/exchange_protocol_test.cpp all its interleavings). The engine's thread serves: it has nothing else to do
// while the GPU works.
#pragma once

#include <cstdint>
#include <span>

#include "core/clock.h"
#include "kernels/ops.h"
#include "transport/communicator.h"

namespace yoke::node::forward {

class Exchange {
 public:
  // `group`: the two ranks, over memory of the host. `spin`: polling before a wait sleeps; 0 where ranks share a core.
  Exchange(kernels::Device& device, transport::Communicator& group, Duration deadline, Duration spin);

  // While a step is recorded.
  void begin_recording() { joins_ = 0; }
  kernels::Meeting next() { return {&words_->base, static_cast<uint64_t>(joins_++), &words_->sent, &words_->arrived}; }
  int64_t joins() const { return joins_; }

  // Of every step: begin() before the recording plays, serve() after. `halves`: [2, count], this rank's part ready when its number
  // is stored. Throws what the communicator throws, and Error{deadline_exceeded} if the GPU does not come to a join within `patience`;
  // the GPU's waits are let go of first.
  void begin();
  void serve(int64_t joins, std::span<float> halves, Duration patience);

 private:
  struct Words {  // each on a cache line of its own
    alignas(64) uint64_t base;
    alignas(64) uint64_t sent;
    alignas(64) uint64_t arrived;
  };

  void await(uint64_t number, Duration patience);
  void release() noexcept;

  kernels::Device& device_;
  transport::Communicator& group_;
  const Duration deadline_;
  const Duration spin_;
  Words* words_;
  uint64_t next_base_ = 1;
  int64_t joins_ = 0;
};

}  // namespace yoke::node::forward
