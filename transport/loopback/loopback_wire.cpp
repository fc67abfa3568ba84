#include "transport/loopback/loopback_wire.h"

#include <condition_variable>
#include <deque>
#include <mutex>

#include "core/error.h"

namespace yoke::transport::loopback {
namespace {

constexpr uint64_t kPieceBytes = 64 * 1024;
// Per pair of ranks; its bytes bound an inbox.
constexpr uint32_t kWindow = 16;

struct Piece {
  PieceLabel label;
  std::vector<std::byte> bytes;
};

// What is on its way to one rank. Bounded by the senders' windows.
struct Inbox {
  std::mutex mutex;
  std::condition_variable came;
  std::deque<Piece> pieces;
  bool interrupted = false;
};

class LoopbackWire final : public Wire {
 public:
  LoopbackWire(std::shared_ptr<std::vector<Inbox>> inboxes, int rank) : inboxes_(std::move(inboxes)), rank_(rank) {}

  std::string_view backend() const override { return "loopback"; }
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(inboxes_->size()); }
  void set_receiver(PieceReceiver* receiver) override { receiver_ = receiver; }
  uint64_t piece_bytes(int) const override { return kPieceBytes; }
  uint32_t window(int) const override { return kWindow; }

  bool try_send(int to, const PieceLabel& label, std::span<const std::byte> bytes) override {
    Inbox& inbox = (*inboxes_)[to];
    const std::lock_guard lock(inbox.mutex);
    inbox.pieces.push_back({label, {bytes.begin(), bytes.end()}});
    inbox.came.notify_one();
    return true;
  }
  bool busy(int) override { return false; }

  bool progress() override {
    std::deque<Piece> pieces;
    {
      const std::lock_guard lock(mine().mutex);
      pieces.swap(mine().pieces);
    }
    for (const Piece& piece : pieces) receiver_->on_piece(piece.label, piece.bytes);
    return !pieces.empty();
  }

  void wait(Duration at_most) override {
    std::unique_lock lock(mine().mutex);
    mine().came.wait_for(lock, at_most, [this] { return mine().interrupted || !mine().pieces.empty(); });
  }
  void interrupt() noexcept override {
    const std::lock_guard lock(mine().mutex);
    mine().interrupted = true;
    mine().came.notify_one();
  }

  std::string_view lost(int) const override { return {}; }  // a thread that goes says so
  void close(Duration) noexcept override {}

 private:
  Inbox& mine() { return (*inboxes_)[rank_]; }

  const std::shared_ptr<std::vector<Inbox>> inboxes_;
  const int rank_;
  PieceReceiver* receiver_ = nullptr;
};

}  // namespace

std::vector<std::unique_ptr<Wire>> make_wires(int size) {
  YOKE_ASSERT(size >= 1);
  const auto inboxes = std::make_shared<std::vector<Inbox>>(size);
  std::vector<std::unique_ptr<Wire>> wires;
  for (int rank = 0; rank < size; ++rank) wires.push_back(std::make_unique<LoopbackWire>(inboxes, rank));
  return wires;
}

}  // namespace yoke::transport::loopback
