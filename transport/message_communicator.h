// The operations of communicator.h made of a Wire's pieces: who sends what to whom, flow control, deadlines, the order of
// additions. Two ranks reduce by one exchange and one addition, in place and as pieces come; three or more gather and add in
// rank order, a bounded chunk at a time.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "core/error.h"
#include "transport/communicator.h"
#include "transport/wire.h"

namespace yoke::transport {

class MessageCommunicator final : public Communicator, private PieceReceiver {
 public:
  // `spin`: how long a wait polls before it blocks.
  MessageCommunicator(std::unique_ptr<Wire> wire, Duration spin, const Clock& clock = system_clock());
  ~MessageCommunicator() override;  // tells the peers; bounded in time also when they are dead

  std::string_view backend() const override { return wire_->backend(); }
  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void all_reduce(void* data, int64_t count, Dtype dtype, Duration deadline) override;
  void all_gather(std::span<const std::byte> mine, std::byte* all, std::span<const uint64_t> part_bytes,
                  Duration deadline) override;
  void broadcast(std::span<std::byte> data, int root, Duration deadline) override;
  void send(std::span<const std::byte> data, int to, Duration deadline) override;
  void recv(std::span<std::byte> data, int from, Duration deadline) override;
  void barrier(Duration deadline) override;
  void abort() noexcept override;

  // Between calls: a peer that is gone or said that it leaves ("rank 1 is gone: why"); empty while there is none.
  std::string lost();

  // Breaks the communicator as a failure of its own would: every later call fails, and the peers learn why. Its thread's.
  void give_up(const std::string& why) noexcept;

 private:
  struct Outgoing;
  struct Incoming;
  struct Exchange;
  struct Call;

  // A piece that came before its message was asked for; a peer may have Wire::window of them here.
  struct EarlyPiece {
    PieceLabel label;
    std::vector<std::byte> bytes;
  };
  struct Peer {
    Incoming* incoming = nullptr;  // the message that is being received
    std::deque<EarlyPiece> early;
    uint32_t window = 0;
    uint64_t piece_bytes = 0;
    uint16_t sent = 0;          // pieces, modulo 2^16, as the next three
    uint16_t acknowledged = 0;  // of them, consumed by the peer
    uint16_t consumed = 0;      // pieces of the peer's that we took
    uint16_t told = 0;          // of them, told to the peer
    uint16_t in_flight() const { return static_cast<uint16_t>(sent - acknowledged); }
    uint16_t owed() const { return static_cast<uint16_t>(consumed - told); }
    std::optional<std::string> left;  // it said that it leaves, and why
  };

  Call begin(Operation operation, uint64_t bytes, Duration deadline);
  void reduce_pair(Call& call, std::byte* data, Dtype dtype);
  void reduce_many(Call& call, std::byte* data, Dtype dtype);

  void transfer(Call& call, std::span<Outgoing> outgoing, std::span<Incoming> incoming);
  void open(std::span<Incoming> incoming);
  bool push(Call& call, Outgoing& outgoing);
  void acknowledge(int rank, uint32_t owed_at_least);
  void idle(const Exchange& exchange, Call& call);
  bool poll(uint32_t times);
  void moved(Call& call);
  std::vector<int> awaited(const Exchange& exchange) const;
  void check_lost(int peer, const Call& call);
  PieceLabel label(int to, Operation operation) const;

  void on_piece(const PieceLabel& label, std::span<const std::byte> bytes) noexcept override;
  bool take(Incoming& incoming, const PieceLabel& label, std::span<const std::byte> bytes);
  void offer_early(Peer& peer);
  void refuse(std::string why);

  [[noreturn]] void fail(Code code, const std::string& message);
  void leave(const std::string& why) noexcept;

  std::unique_ptr<Wire> wire_;
  const Clock& clock_;
  const Duration spin_;
  const int rank_;
  const int size_;
  int lost_spins_ = 0;  // waits in a row that polled in vain
  std::vector<Peer> peers_;
  std::vector<std::byte> scratch_;      // reduce_many: one chunk of every other rank
  std::optional<std::string> refusal_;  // what on_piece found wrong, thrown outside the backend's callback
  std::optional<Error> broken_;
  std::atomic<bool> aborted_{false};
};

}  // namespace yoke::transport
