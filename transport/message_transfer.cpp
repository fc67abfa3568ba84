// Moves the pieces of one exchange: sends within the peer's window, takes what comes, spins, then blocks, until all is done.
#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/units.h"
#include "transport/add.h"
#include "transport/message_exchange.h"

namespace yoke::transport {
namespace {

// Polls between two looks at the clock, which costs as much as a few polls. An exchange over shared memory ends within them.
constexpr uint32_t kPollsPerLook = 64;
// After so many waits in a row that polled in vain, the peer probably needs our core: poll a short while only.
constexpr int kLostSpins = 4;
constexpr int kShortSpinDivisor = 16;
// A block ends at least so often, to look whether a peer was lost in a way that wakes nobody.
constexpr Duration kLongestBlock = std::chrono::milliseconds(250);
// Of what a leaving peer says, so much is kept.
constexpr size_t kLeaveReasonBytes = 256;

}  // namespace

std::string_view name(Operation operation) {
  switch (operation) {
    case Operation::all_reduce: return "all_reduce";
    case Operation::all_gather: return "all_gather";
    case Operation::broadcast: return "broadcast";
    case Operation::send: return "send and recv";
    case Operation::barrier: return "barrier";
    case Operation::acknowledge: return "acknowledge";
    case Operation::leave: return "leave";
  }
  return "an unknown operation";
}

void MessageCommunicator::transfer(Call& call, std::span<Outgoing> outgoing, std::span<Incoming> incoming) {
  const Exchange exchange{outgoing, incoming};
  open(incoming);
  for (;;) {
    if (aborted_.load(std::memory_order_relaxed)) {
      fail(Code::aborted, fmt::format("{} of {}: aborted on request", name(call.operation), format_bytes(call.bytes)));
    }
    bool progress = false;
    bool all_left = true;
    bool done = true;
    for (Outgoing& message : outgoing) {
      progress |= !message.done && push(call, message);
      all_left &= message.done;
    }
    for (Incoming& message : incoming) {
      if (message.after != nullptr) offer_early(peers_[message.from]);  // what waited for our own pieces to leave
      done &= message.done;
      acknowledge(message.from, peers_[message.from].window / 2);
    }
    if (refusal_) fail(Code::invalid_argument, fmt::format("{} of {}: {}", name(call.operation), format_bytes(call.bytes), *refusal_));
    if (done && all_left) break;
    progress |= poll(all_left ? kPollsPerLook : 1);
    progress ? moved(call) : idle(exchange, call);
  }
  for (Incoming& message : incoming) peers_[message.from].incoming = nullptr;
}

void MessageCommunicator::open(std::span<Incoming> incoming) {
  for (Incoming& message : incoming) {
    Peer& peer = peers_[message.from];
    peer.incoming = &message;
    offer_early(peer);
  }
}

PieceLabel MessageCommunicator::label(int to, Operation operation) const {
  return {.consumed = peers_[to].consumed, .operation = operation, .from = static_cast<uint16_t>(rank_)};
}

// Sends what the peer's window allows; true if a piece went.
bool MessageCommunicator::push(Call& call, Outgoing& message) {
  Peer& peer = peers_[message.to];
  bool any = false;
  uint64_t last = 0;
  while (!message.all_sent() && peer.in_flight() < peer.window) {
    const uint64_t bytes = std::min(peer.piece_bytes, message.data.size() - message.sent);
    PieceLabel piece = label(message.to, call.operation);
    piece.message_bytes = message.message_bytes;
    piece.offset = message.base + message.sent;
    if (!wire_->try_send(message.to, piece, message.data.subspan(message.sent, bytes))) break;
    ++peer.sent;
    peer.told = peer.consumed;
    message.started = any = true;
    message.sent += bytes;
    last = bytes;
  }
  if (!wire_->busy(message.to)) {
    message.left = message.sent;
  } else if (any) {
    message.left = message.sent - last;
  }
  message.done = message.all_sent() && !wire_->busy(message.to);
  return any;
}

// Tells a peer how much of its window is free again. If the road is full now, a later call tells it.
void MessageCommunicator::acknowledge(int rank, uint32_t owed_at_least) {
  Peer& peer = peers_[rank];
  if (peer.owed() < owed_at_least) return;
  if (wire_->try_send(rank, label(rank, Operation::acknowledge), {})) peer.told = peer.consumed;
}

bool MessageCommunicator::poll(uint32_t times) {
  for (uint32_t i = 0; i < times; ++i) {
    if (wire_->progress()) return true;
  }
  return false;
}

void MessageCommunicator::moved(Call& call) {
  if (!call.idle_since) return;
  // A full spin would have been enough, or was: the peer runs on a core of its own.
  if (!call.blocked || clock_.now() - *call.idle_since < spin_) lost_spins_ = 0;
  call.idle_since.reset();
  call.blocked = false;
}

void MessageCommunicator::idle(const Exchange& exchange, Call& call) {
  const TimePoint now = clock_.now();
  if (!call.deadline) call.deadline = now + call.budget;
  if (!call.idle_since) call.idle_since = now;
  for (const Incoming& message : exchange.incoming) {
    if (!message.done) check_lost(message.from, call);
  }
  for (const Outgoing& message : exchange.outgoing) {
    if (!message.done) check_lost(message.to, call);
  }
  if (now >= *call.deadline) {
    fail(Code::deadline_exceeded,
         fmt::format("{} of {}: rank {} did not come within {} ms", name(call.operation), format_bytes(call.bytes),
                     fmt::join(awaited(exchange), ", "), std::chrono::duration_cast<std::chrono::milliseconds>(call.budget).count()));
  }
  const Duration spin = lost_spins_ >= kLostSpins ? spin_ / kShortSpinDivisor : spin_;
  if (now - *call.idle_since < spin) return;
  if (!call.blocked) ++lost_spins_;
  call.blocked = true;
  wire_->wait(std::min(*call.deadline - now, kLongestBlock));
}

std::vector<int> MessageCommunicator::awaited(const Exchange& exchange) const {
  std::vector<int> ranks;
  for (const Incoming& message : exchange.incoming) {
    if (!message.done) ranks.push_back(message.from);
  }
  for (const Outgoing& message : exchange.outgoing) {
    if (!message.done && std::ranges::find(ranks, message.to) == ranks.end()) ranks.push_back(message.to);
  }
  return ranks;
}

void MessageCommunicator::check_lost(int rank, const Call& call) {
  const Peer& peer = peers_[rank];
  if (!peer.early.empty()) return;  // it came before it went; what it sent may be enough
  const std::string_view why = peer.left ? std::string_view(*peer.left) : wire_->lost(rank);
  if (why.empty()) return;
  fail(Code::peer_lost, fmt::format("{} of {}: rank {} is gone: {}", name(call.operation), format_bytes(call.bytes), rank, why));
}

void MessageCommunicator::on_piece(const PieceLabel& label, std::span<const std::byte> bytes) noexcept {
  if (label.from >= size_ || label.from == rank_) return refuse(fmt::format("a piece came from rank {}, which is none", static_cast<int>(label.from)));
  Peer& peer = peers_[label.from];
  const auto consumed = static_cast<uint16_t>(label.consumed);
  if (static_cast<uint16_t>(peer.sent - consumed) <= peer.in_flight()) peer.acknowledged = consumed;
  if (label.operation == Operation::acknowledge) return;
  if (label.operation == Operation::leave) {
    peer.left.emplace(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kLeaveReasonBytes));
    return;
  }
  if (peer.incoming != nullptr && peer.early.empty() && take(*peer.incoming, label, bytes)) return;
  if (peer.early.size() >= peer.window) return refuse(fmt::format("rank {} sent more than {} pieces ahead", static_cast<int>(label.from), peer.window));
  peer.early.push_back({label, {bytes.begin(), bytes.end()}});
}

// False if it must wait: for the message after this one, or for our own piece at this place to leave first.
bool MessageCommunicator::take(Incoming& message, const PieceLabel& label, std::span<const std::byte> bytes) {
  if (message.done) return false;
  const uint64_t element = message.after != nullptr ? row_bytes(message.dtype, 1) : 1;
  if (label.operation != message.operation || label.message_bytes != message.message_bytes) {
    refuse(fmt::format("rank {} came with {} of {} where {} was due; all ranks must make the same calls with the same sizes", message.from,
                       name(label.operation), format_bytes(label.message_bytes), format_bytes(message.message_bytes)));
    return true;
  }
  if (label.offset != message.base + message.taken || bytes.size() > message.into.size() - message.taken || bytes.size() % element != 0) {
    refuse(fmt::format("rank {} sent {} at offset {} where {} was due", message.from, format_bytes(bytes.size()), uint64_t{label.offset},
                       message.base + message.taken));
    return true;
  }
  if (message.after != nullptr && message.taken + bytes.size() > message.after->left) return false;
  std::byte* const place = message.into.data() + message.taken;
  if (message.after == nullptr) {
    if (!bytes.empty()) std::memcpy(place, bytes.data(), bytes.size());
  } else {
    rank_ < message.from ? add(place, place, bytes.data(), bytes.size(), message.dtype)
                         : add(place, bytes.data(), place, bytes.size(), message.dtype);
  }
  message.taken += bytes.size();
  message.done = message.taken == message.into.size();
  ++peers_[message.from].consumed;
  return true;
}

void MessageCommunicator::offer_early(Peer& peer) {
  while (!peer.early.empty() && !refusal_) {
    const EarlyPiece& piece = peer.early.front();
    if (!take(*peer.incoming, piece.label, piece.bytes)) return;
    peer.early.pop_front();
  }
}

// The first finding stands.
void MessageCommunicator::refuse(std::string why) {
  if (!refusal_) refusal_ = std::move(why);
}

void MessageCommunicator::fail(Code code, const std::string& message) {
  broken_.emplace(code, message);
  for (Peer& peer : peers_) peer.incoming = nullptr;
  leave(message);
  wire_->close(Duration::zero());
  throw *broken_;
}

// Tells the peers, as far as the road takes it without waiting: whoever waits for us need not wait for its deadline.
void MessageCommunicator::leave(const std::string& why) noexcept {
  const std::string_view reason = std::string_view(why).substr(0, kLeaveReasonBytes);
  for (int r = 0; r < size_; ++r) {
    if (r == rank_) continue;
    wire_->try_send(r, label(r, Operation::leave), std::as_bytes(std::span(reason)));
  }
}

}  // namespace yoke::transport
