// The operations themselves, over the board. Every collective is a row of meetings: all write a chunk, all read, all go on.
#include <chrono>
#include <cstring>
#include <functional>
#include <map>
#include <thread>

#include "core/half.h"
#include "tests/emulator/nccl/comm.h"
#include "tests/emulator/ptx/emulator.h"

namespace yoke::emulator::nccl {
namespace {

constexpr auto kPause = std::chrono::microseconds(20);
constexpr int kPolls = 50;  // before the first pause

const char* name(Kind kind) {
  switch (kind) {
    case Kind::all_reduce: return "AllReduce";
    case Kind::all_gather: return "AllGather";
    case Kind::reduce_scatter: return "ReduceScatter";
    case Kind::reduce: return "Reduce";
    case Kind::broadcast: return "Broadcast";
    case Kind::send: return "Send";
    case Kind::recv: return "Recv";
  }
  return "?";
}

// Where memory of the device lies on the host: what the double of the driver does to addresses.
template <typename Pointer>
Pointer host(Pointer pointer) {
  return reinterpret_cast<Pointer>(reinterpret_cast<uint64_t>(pointer) & ~kDeviceTag);
}

void wait_until(Comm& comm, const std::function<bool()>& condition) {
  for (int polls = 0; !condition(); ++polls) {
    comm.check_waiting();
    if (polls < kPolls) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(kPause);
    }
  }
}

void meet(Comm& comm) {
  Board& board = comm.board();
  const uint64_t mine = ++board.ranks[comm.rank()].phase;
  wait_until(comm, [&] {
    for (int r = 0; r < comm.size(); ++r) {
      if (board.ranks[r].phase < mine) return false;
    }
    return true;
  });
}

void compare(Comm& comm, const Operation& operation) {
  Board& board = comm.board();
  const Description mine{static_cast<uint32_t>(operation.kind), operation.type, operation.op,
                         static_cast<uint32_t>(operation.root), operation.count};
  board.ranks[comm.rank()].description = mine;
  meet(comm);
  for (int r = 0; r < comm.size(); ++r) {
    const Description& theirs = board.ranks[r].description;
    if (theirs == mine) continue;
    throw Failure{ncclInvalidUsage, "rank " + std::to_string(comm.rank()) + " calls " + name(operation.kind) + " of " +
                                        std::to_string(mine.count) + " x type " + std::to_string(mine.type) +
                                        " and rank " + std::to_string(r) + " calls " +
                                        name(static_cast<Kind>(theirs.kind)) + " of " + std::to_string(theirs.count) +
                                        " x type " + std::to_string(theirs.type) + "; the real NCCL would hang"};
  }
  meet(comm);
}

// A sum as a ring makes it: rounded at each hop, beginning at a rank that depends on the place.
template <typename Stored, typename Load, typename Store>
void add_up(Comm& comm, std::byte* to, size_t bytes, Load load, Store store) {
  const Board& board = comm.board();
  const int size = comm.size();
  for (size_t at = 0; at < bytes; at += sizeof(Stored)) {
    const int first = static_cast<int>(at / 4096) % size;
    Stored sum;
    std::memcpy(&sum, board.chunk[first] + at, sizeof sum);
    for (int hop = 1; hop < size; ++hop) {
      Stored other;
      std::memcpy(&other, board.chunk[(first + hop) % size] + at, sizeof other);
      sum = store(load(sum) + load(other));
    }
    std::memcpy(to + at, &sum, sizeof sum);
  }
}

void add_up(Comm& comm, std::byte* to, size_t bytes, ncclDataType_t type) {
  switch (type) {
    case ncclFloat32:
      return add_up<float>(comm, to, bytes, [](float x) { return x; }, [](float x) { return x; });
    case ncclFloat16:
      return add_up<uint16_t>(comm, to, bytes, f16_to_f32, f32_to_f16);
    case ncclBfloat16:
      return add_up<uint16_t>(comm, to, bytes, bf16_to_f32, f32_to_bf16);
    case ncclInt8:
    case ncclUint8:
      break;
  }
  throw Failure{ncclInvalidArgument, "the emulator adds f32, f16 and bf16"};
}

// All ranks write up to a chunk of theirs (none: from is null), then `take` reads the board at this offset.
void in_chunks(Comm& comm, const std::byte* from, size_t bytes, const std::function<void(size_t at, size_t bytes)>& take) {
  for (size_t at = 0; at < bytes; at += kChunkBytes) {
    const size_t chunk = std::min(kChunkBytes, bytes - at);
    if (from) std::memcpy(comm.board().chunk[comm.rank()], from + at, chunk);
    meet(comm);
    take(at, chunk);
    meet(comm);
  }
}

void collective(Comm& comm, const Operation& operation) {
  compare(comm, operation);
  Board& board = comm.board();
  const auto* from = static_cast<const std::byte*>(host(operation.from));
  auto* to = static_cast<std::byte*>(host(operation.to));
  const size_t bytes = operation.count * bytes_of(operation.type);
  const bool root = operation.root == comm.rank();
  switch (operation.kind) {
    case Kind::all_reduce:
      return in_chunks(comm, from, bytes, [&](size_t at, size_t n) { add_up(comm, to + at, n, operation.type); });
    case Kind::reduce:
      return in_chunks(comm, from, bytes, [&](size_t at, size_t n) {
        if (root) add_up(comm, to + at, n, operation.type);
      });
    case Kind::reduce_scatter:
      for (int r = 0; r < comm.size(); ++r) {
        in_chunks(comm, from + static_cast<size_t>(r) * bytes, bytes, [&](size_t at, size_t n) {
          if (r == comm.rank()) add_up(comm, to + at, n, operation.type);
        });
      }
      return;
    case Kind::all_gather:
      return in_chunks(comm, from, bytes, [&](size_t at, size_t n) {
        for (int r = 0; r < comm.size(); ++r) std::memcpy(to + static_cast<size_t>(r) * bytes + at, board.chunk[r], n);
      });
    case Kind::broadcast:
      return in_chunks(comm, root ? from : nullptr, bytes,
                       [&](size_t at, size_t n) { std::memcpy(to + at, board.chunk[operation.root], n); });
    case Kind::send:
    case Kind::recv:
      break;
  }
}

// A send or recv under way.
struct Message {
  const Operation* operation;
  size_t bytes;
  size_t moved = 0;
  bool begun = false;  // an empty message is one piece too

  bool done() const { return begun && moved == bytes; }
};

bool move_out(Comm& comm, Message& message) {
  Box& box = comm.board().box[comm.rank()][message.operation->root];
  if (box.written != box.read) return false;
  const size_t piece = std::min(kBoxBytes, message.bytes - message.moved);
  box.message_bytes = message.bytes;
  box.piece_bytes = piece;
  if (piece > 0) std::memcpy(box.data, static_cast<const std::byte*>(host(message.operation->from)) + message.moved, piece);
  message.moved += piece;
  message.begun = true;
  ++box.written;
  return true;
}

bool move_in(Comm& comm, Message& message) {
  Box& box = comm.board().box[message.operation->root][comm.rank()];
  if (box.written == box.read) return false;
  if (box.message_bytes != message.bytes) {
    throw Failure{ncclInvalidUsage, "rank " + std::to_string(message.operation->root) + " sends " +
                                        std::to_string(box.message_bytes) + " bytes and rank " +
                                        std::to_string(comm.rank()) + " receives " + std::to_string(message.bytes) +
                                        "; the real NCCL would not tell"};
  }
  if (box.piece_bytes > 0) std::memcpy(static_cast<std::byte*>(host(message.operation->to)) + message.moved, box.data, box.piece_bytes);
  message.moved += box.piece_bytes;
  message.begun = true;
  ++box.read;
  return true;
}

// All at the same time; those between the same two ranks in one direction in their order.
void messages(Comm& comm, std::vector<Message> open) {
  while (!open.empty()) {
    bool moved = false;
    std::map<std::pair<Kind, int>, bool> busy;
    for (Message& message : open) {
      bool& taken = busy[{message.operation->kind, message.operation->root}];
      if (taken) continue;
      taken = true;
      moved |= message.operation->kind == Kind::send ? move_out(comm, message) : move_in(comm, message);
    }
    std::erase_if(open, [](const Message& message) { return message.done(); });
    if (moved) continue;
    comm.check_waiting();
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

size_t bytes_of(ncclDataType_t type) {
  switch (type) {
    case ncclInt8:
    case ncclUint8: return 1;
    case ncclFloat16:
    case ncclBfloat16: return 2;
    case ncclFloat32: return 4;
  }
  throw Failure{ncclInvalidArgument, "type " + std::to_string(type) + " is not known to the emulator"};
}

void execute(Comm& comm, const std::vector<Operation>& operations) {
  std::vector<Message> open;
  for (const Operation& operation : operations) {
    if (operation.kind == Kind::send || operation.kind == Kind::recv) {
      open.push_back({&operation, operation.count * bytes_of(operation.type)});
    } else {
      collective(comm, operation);
    }
  }
  messages(comm, std::move(open));
}

}  // namespace yoke::emulator::nccl
