// Frames: uint32 little-endian length + a serialised Envelope. Without I/O, so that a test can feed it byte by byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "transport/control/control.pb.h"
#include "transport/control/limits.h"

namespace yoke::transport {

inline constexpr size_t kFrameHeaderBytes = 4;

// Error{too_large} with both numbers when the envelope is over the limit.
std::string encode_frame(const proto::Envelope& envelope, uint64_t max_frame_bytes);

// The length that a header states. Error{too_large} over the limit, Error{bad_file} for zero: no frame is empty.
uint32_t decode_frame_length(const char (&header)[kFrameHeaderBytes], uint64_t max_frame_bytes);

// Error{bad_file} unless the bytes are an Envelope with a body.
proto::Envelope decode_envelope(const char* bytes, size_t size);

// Takes bytes as they come, gives whole frames. Holds no more memory than bytes came in, whatever a header claims.
class FrameReader {
 public:
  explicit FrameReader(uint64_t max_frame_bytes) : max_frame_bytes_(max_frame_bytes) {}

  void set_max_frame_bytes(uint64_t bytes) { max_frame_bytes_ = bytes; }
  void push(std::span<const char> bytes);

  // The next whole frame, nothing while it is not all there. Throws what decode_frame_length and decode_envelope do; after
  // that the stream has lost its place: close it.
  std::optional<proto::Envelope> next();

 private:
  uint64_t max_frame_bytes_;
  std::string buffer_;
  size_t start_ = 0;  // of the first byte not yet given out
};

}  // namespace yoke::transport
