// The parts of one operation in progress, for message_communicator*.cpp only.
#pragma once

#include "transport/message_communicator.h"

namespace yoke::transport {

// One operation, from its begin to its end: what errors say of it, and its wait.
struct MessageCommunicator::Call {
  Operation operation;
  uint64_t bytes;
  Duration budget;
  std::optional<TimePoint> deadline;  // set by the first look at the clock: a fast operation never looks
  std::optional<TimePoint> idle_since;
  bool blocked = false; // in this wait
};

struct MessageCommunicator::Outgoing {
  int to;
  std::span<const std::byte> data;
  uint64_t message_bytes;
  uint64_t base = 0;  // where `data` lies in the message
  uint64_t sent = 0;  // given to the wire
  uint64_t left = 0;  // and no longer read by it
  bool started = false;
  bool done = false;
  bool all_sent() const { return started && sent == data.size(); }
};

// Where a message goes: copied to `into`, or added to it.
struct MessageCommunicator::Incoming {
  int from;
  std::span<std::byte> into;
  Operation operation;
  uint64_t message_bytes;
  uint64_t base = 0;
  // All-reduce in place: add, but only to what has left of `after`, for it sends from `into`.
  const Outgoing* after = nullptr;
  Dtype dtype = Dtype::f32;
  uint64_t taken = 0;
  bool done = false;
};

struct MessageCommunicator::Exchange {
  std::span<Outgoing> outgoing;
  std::span<Incoming> incoming;
};

}  // namespace yoke::transport
