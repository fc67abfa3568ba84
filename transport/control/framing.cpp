#include "transport/control/framing.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/units.h"

namespace yoke::transport {
namespace {

// Bytes already given out are dropped once they are worth a move.
constexpr size_t kCompactBytes = 64u << 10;

}  // namespace

std::string encode_frame(const proto::Envelope& envelope, uint64_t max_frame_bytes) {
  const size_t size = envelope.ByteSizeLong();
  if (size > max_frame_bytes) {
    throw Error{Code::too_large, fmt::format("a control frame of {} is over the limit of {}", format_bytes(size),
                                             format_bytes(max_frame_bytes))};
  }
  std::string frame;
  frame.reserve(kFrameHeaderBytes + size);
  for (size_t i = 0; i < kFrameHeaderBytes; ++i) frame.push_back(static_cast<char>(size >> (8 * i)));
  envelope.AppendToString(&frame);
  return frame;
}

uint32_t decode_frame_length(const char (&header)[kFrameHeaderBytes], uint64_t max_frame_bytes) {
  uint32_t length = 0;
  for (size_t i = 0; i < kFrameHeaderBytes; ++i) {
    length |= static_cast<uint32_t>(static_cast<unsigned char>(header[i])) << (8 * i);
  }
  if (length == 0) throw Error{Code::bad_file, "a control frame of 0 bytes: the peer does not speak this protocol"};
  if (length > max_frame_bytes) {
    throw Error{Code::too_large, fmt::format("a control frame says it is {} long, the limit is {}: the peer does not speak this "
                                             "protocol, or sends too much at once",
                                             format_bytes(length), format_bytes(max_frame_bytes))};
  }
  return length;
}

proto::Envelope decode_envelope(const char* bytes, size_t size) {
  proto::Envelope envelope;
  if (!envelope.ParseFromArray(bytes, static_cast<int>(size))) {
    throw Error{Code::bad_file, fmt::format("a control frame of {} bytes is not an Envelope", size)};
  }
  if (envelope.body_case() == proto::Envelope::BODY_NOT_SET) {
    throw Error{Code::bad_file, fmt::format("a control frame of {} bytes has no body that this version knows", size)};
  }
  return envelope;
}

void FrameReader::push(std::span<const char> bytes) {
  if (start_ == buffer_.size()) {
    buffer_.clear();
    start_ = 0;
  } else if (start_ > kCompactBytes) {
    buffer_.erase(0, start_);
    start_ = 0;
  }
  buffer_.append(bytes.data(), bytes.size());
}

std::optional<proto::Envelope> FrameReader::next() {
  if (buffer_.size() - start_ < kFrameHeaderBytes) return std::nullopt;
  char header[kFrameHeaderBytes];
  buffer_.copy(header, kFrameHeaderBytes, start_);
  const size_t length = decode_frame_length(header, max_frame_bytes_);
  if (buffer_.size() - start_ - kFrameHeaderBytes < length) return std::nullopt;
  proto::Envelope envelope = decode_envelope(buffer_.data() + start_ + kFrameHeaderBytes, length);
  start_ += kFrameHeaderBytes + length;
  return envelope;
}

}  // namespace yoke::transport
