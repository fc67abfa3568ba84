// What a backend gives: bounded pieces of messages between ranks, in order for each pair. MessageCommunicator makes the
// operations of communicator.h out of it, so that all backends share deadlines, flow control and the order of additions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/clock.h"

namespace yoke::transport {

enum class Operation : uint8_t { all_reduce, all_gather, broadcast, send, barrier, acknowledge, leave };
std::string_view name(Operation operation);  // as errors say it

// Travels before every piece, in the machine's byte order (both ends run the same build). Its 16 bytes let a message of one cache
// line carry it and 8 bytes more.
struct PieceLabel {
  uint64_t message_bytes : 40;  // the whole message's
  uint64_t consumed : 16;       // pieces of the receiver that the sender has consumed so far, modulo 2^16
  Operation operation : 8;
  uint64_t offset : 40;         // of this piece in its message
  uint64_t from : 16;           // rank
  uint64_t unused : 8;
};
static_assert(sizeof(PieceLabel) == 16);
inline constexpr uint64_t kMaxMessageBytes = (uint64_t{1} << 40) - 1;

class PieceReceiver {
 public:
  // A piece came. The bytes are valid during the call only. Called inside Wire::progress and Wire::try_send.
  virtual void on_piece(const PieceLabel& label, std::span<const std::byte> bytes) noexcept = 0;

 protected:
  ~PieceReceiver() = default;
};

// One thread, but for interrupt().
class Wire {
 public:
  virtual ~Wire() = default;

  virtual std::string_view backend() const = 0;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  virtual void set_receiver(PieceReceiver* receiver) = 0;

  // Pieces to `to` should be so long; a multiple of 8.
  virtual uint64_t piece_bytes(int to) const = 0;
  // Unconsumed pieces that may be on their way to `to`: bounds what its receiver must keep. 4 to 1024.
  virtual uint32_t window(int to) const = 0;

  // False: the road is full, call progress and try again. True: the piece goes; its bytes stay in use while busy(to).
  virtual bool try_send(int to, const PieceLabel& label, std::span<const std::byte> bytes) = 0;
  // The last piece accepted for `to` still reads the caller's buffer (only ever the last).
  virtual bool busy(int to) = 0;

  // Hands over what has come; false if nothing moved.
  virtual bool progress() = 0;

  // Blocks until progress may find something, interrupt() is or was called, or `at_most` has passed. May return early.
  virtual void wait(Duration at_most) = 0;
  virtual void interrupt() noexcept = 0;  // any thread

  // Why `peer` is known to be gone; empty while it is not.
  virtual std::string_view lost(int peer) const = 0;

  // Delivers what was accepted for at most `flush`, then lets go of every buffer and of the peers, dead or alive, within a bounded
  // time. Only interrupt() and the destructor may follow.
  virtual void close(Duration flush) noexcept = 0;
};

}  // namespace yoke::transport
