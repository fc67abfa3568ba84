// The numbers of the control channel, in one place.
#pragma once

#include <cstdint>

#include "core/clock.h"

namespace yoke::transport {

// Both ends must have the same: rooms of one release speak to each other. Raised with every change of control.proto.
inline constexpr uint32_t kProtocolVersion = 1;

// The largest frame between coordinator and agent; a longer one is refused by its length, before memory is taken.
inline constexpr uint64_t kMaxFrameBytes = 64u << 20;

// Before the handshake nobody has a reason to send more than a Hello.
inline constexpr uint64_t kMaxHandshakeFrameBytes = 64u << 10;

// LogitRows are cut into frames of at most this many bytes of rows (one row at least).
inline constexpr uint64_t kMaxLogitFrameBytes = 4u << 20;

// Connections that have not yet said a valid Hello; more are closed at once.
inline constexpr int kMaxHandshakes = 64;

struct ChannelLimits {
  uint64_t max_frame_bytes = kMaxFrameBytes;
  uint64_t max_queue_bytes = 128u << 20;  // written but not yet taken by the socket; more closes the channel
  uint64_t busy_queue_bytes = 16u << 20;  // from here on busy() asks the producer to wait
  Duration heartbeat = std::chrono::milliseconds(500);
  Duration silence = std::chrono::seconds(2);     // nothing heard for so long: peer_lost
  Duration handshake = std::chrono::seconds(5);   // from connect to Hello or Welcome
};

}  // namespace yoke::transport
