#include "transport/message_communicator.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "core/units.h"
#include "transport/add.h"
#include "transport/message_exchange.h"

namespace yoke::transport {
namespace {

// reduce_many holds so much of every other rank at a time. Large enough that an exchange's latency does not count.
constexpr uint64_t kReduceChunkBytes = 256 * 1024;
// What was sent last may still lie in our own buffers when a group is closed in peace.
constexpr Duration kFlush = std::chrono::milliseconds(50);

}  // namespace

MessageCommunicator::MessageCommunicator(std::unique_ptr<Wire> wire, Duration spin, const Clock& clock)
    : wire_(std::move(wire)), clock_(clock), spin_(spin), rank_(wire_->rank()), size_(wire_->size()), peers_(size_) {
  for (int r = 0; r < size_; ++r) {
    peers_[r].window = wire_->window(r);
    peers_[r].piece_bytes = wire_->piece_bytes(r);
  }
  wire_->set_receiver(this);
}

MessageCommunicator::~MessageCommunicator() {
  if (broken_) return;  // and closed
  leave("it closed its communicator");
  wire_->close(kFlush);
}

MessageCommunicator::Call MessageCommunicator::begin(Operation operation, uint64_t bytes, Duration deadline) {
  if (broken_) throw *broken_;
  YOKE_ASSERT(bytes <= kMaxMessageBytes);
  return {.operation = operation, .bytes = bytes, .budget = deadline};
}

void MessageCommunicator::all_reduce(void* data, int64_t count, Dtype dtype, Duration deadline) {
  YOKE_ASSERT(count >= 0);
  Call call = begin(Operation::all_reduce, row_bytes(dtype, count), deadline);
  if (!addable(dtype)) fail(Code::invalid_argument, fmt::format("all_reduce of {}: only F32, F16, BF16", yoke::name(dtype)));
  if (size_ == 1) {
    transfer(call, {}, {});
  } else if (size_ == 2) {
    reduce_pair(call, static_cast<std::byte*>(data), dtype);
  } else {
    reduce_many(call, static_cast<std::byte*>(data), dtype);
  }
}

void MessageCommunicator::reduce_pair(Call& call, std::byte* data, Dtype dtype) {
  const int peer = 1 - rank_;
  Outgoing outgoing{.to = peer, .data = {data, call.bytes}, .message_bytes = call.bytes};
  Incoming incoming{.from = peer, .into = {data, call.bytes}, .operation = call.operation, .message_bytes = call.bytes,
                    .after = &outgoing, .dtype = dtype};
  transfer(call, {&outgoing, 1}, {&incoming, 1});
}

void MessageCommunicator::reduce_many(Call& call, std::byte* data, Dtype dtype) {
  std::vector<Outgoing> outgoing;
  std::vector<Incoming> incoming;
  uint64_t base = 0;
  do {
    const uint64_t chunk = std::min(kReduceChunkBytes, call.bytes - base);
    scratch_.resize(std::max<size_t>(scratch_.size(), chunk * size_));
    outgoing.clear();
    incoming.clear();
    for (int r = 0; r < size_; ++r) {
      if (r == rank_) continue;
      outgoing.push_back({.to = r, .data = {data + base, chunk}, .message_bytes = call.bytes, .base = base});
      incoming.push_back({.from = r, .into = {scratch_.data() + r * chunk, chunk}, .operation = call.operation,
                          .message_bytes = call.bytes, .base = base});
    }
    transfer(call, outgoing, incoming);
    const auto part = [&](int r) { return r == rank_ ? data + base : scratch_.data() + r * chunk; };
    std::byte* const sum = part(0);  // ((r0 + r1) + r2) ...
    for (int r = 1; r < size_; ++r) add(sum, sum, part(r), chunk, dtype);
    if (sum != data + base) std::memcpy(data + base, sum, chunk);
    base += chunk;
  } while (base < call.bytes);
}

void MessageCommunicator::all_gather(std::span<const std::byte> mine, std::byte* all, std::span<const uint64_t> part_bytes,
                                     Duration deadline) {
  uint64_t total = 0;
  for (const uint64_t bytes : part_bytes) total += bytes;
  Call call = begin(Operation::all_gather, total, deadline);
  YOKE_ASSERT(part_bytes.size() == static_cast<size_t>(size_) && mine.size() == part_bytes[rank_]);
  std::vector<Outgoing> outgoing;
  std::vector<Incoming> incoming;
  std::byte* place = all;
  for (int r = 0; r < size_; ++r) {
    if (r == rank_) {
      if (!mine.empty() && place != mine.data()) std::memmove(place, mine.data(), mine.size());
    } else {
      outgoing.push_back({.to = r, .data = mine, .message_bytes = mine.size()});
      incoming.push_back({.from = r, .into = {place, part_bytes[r]}, .operation = call.operation, .message_bytes = part_bytes[r]});
    }
    place += part_bytes[r];
  }
  transfer(call, outgoing, incoming);
}

void MessageCommunicator::broadcast(std::span<std::byte> data, int root, Duration deadline) {
  Call call = begin(Operation::broadcast, data.size(), deadline);
  YOKE_ASSERT(root >= 0 && root < size_);
  if (rank_ != root) {
    Incoming incoming{.from = root, .into = data, .operation = call.operation, .message_bytes = data.size()};
    return transfer(call, {}, {&incoming, 1});
  }
  std::vector<Outgoing> outgoing;
  for (int r = 0; r < size_; ++r) {
    if (r != rank_) outgoing.push_back({.to = r, .data = data, .message_bytes = data.size()});
  }
  transfer(call, outgoing, {});
}

void MessageCommunicator::send(std::span<const std::byte> data, int to, Duration deadline) {
  Call call = begin(Operation::send, data.size(), deadline);
  YOKE_ASSERT(to >= 0 && to < size_ && to != rank_);
  Outgoing outgoing{.to = to, .data = data, .message_bytes = data.size()};
  transfer(call, {&outgoing, 1}, {});
}

void MessageCommunicator::recv(std::span<std::byte> data, int from, Duration deadline) {
  Call call = begin(Operation::send, data.size(), deadline);
  YOKE_ASSERT(from >= 0 && from < size_ && from != rank_);
  Incoming incoming{.from = from, .into = data, .operation = call.operation, .message_bytes = data.size()};
  transfer(call, {}, {&incoming, 1});
}

void MessageCommunicator::barrier(Duration deadline) {
  Call call = begin(Operation::barrier, 0, deadline);
  std::vector<Outgoing> outgoing;
  std::vector<Incoming> incoming;
  for (int r = 0; r < size_; ++r) {
    if (r == rank_) continue;
    outgoing.push_back({.to = r, .message_bytes = 0});
    incoming.push_back({.from = r, .operation = call.operation, .message_bytes = 0});
  }
  transfer(call, outgoing, incoming);
}

std::string MessageCommunicator::lost() {
  if (broken_) return {};
  if (!poll(1)) wire_->wait(Duration::zero());  // which also looks whether the peers' processes are there
  for (int r = 0; r < size_; ++r) {
    if (r == rank_) continue;
    const std::string_view why = peers_[r].left ? std::string_view(*peers_[r].left) : wire_->lost(r);
    if (!why.empty()) return fmt::format("rank {} is gone: {}", r, why);
  }
  return {};
}

void MessageCommunicator::give_up(const std::string& why) noexcept {
  if (broken_) return;
  try {
    fail(Code::aborted, why);
  } catch (const Error&) {  // broken_ keeps it
  }
}

void MessageCommunicator::abort() noexcept {
  aborted_ = true;
  wire_->interrupt();
}

}  // namespace yoke::transport
