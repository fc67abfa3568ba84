// What the ranks of one communicator share: a memfd that the process which made the unique id holds open until all have joined. Ranks may
// be processes or threads. Nothing is left behind when they die.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "transport/nccl/nccl_api.h"

namespace yoke::emulator::nccl {

using namespace yoke::transport::nccl;

inline constexpr int kMaxRanks = 16;
inline constexpr size_t kChunkBytes = 256 * 1024;  // a rank's share of a collective at a time
inline constexpr size_t kBoxBytes = 64 * 1024;     // of a message at a time

// A collective as a rank understands it; all ranks' must be equal.
struct Description {
  uint32_t kind = 0, type = 0, op = 0, root = 0;
  uint64_t count = 0;
  bool operator==(const Description&) const = default;
};

// From one rank to another; holds one piece of a message at a time.
struct Box {
  std::atomic<uint64_t> written{0}, read{0};  // pieces
  uint64_t message_bytes = 0;
  uint64_t piece_bytes = 0;
  std::byte data[kBoxBytes];
};

struct Board {
  struct Rank {
    std::atomic<int> joined{0};  // the ranks that it was told of; 0: not yet
    int version = 0;
    int pid = 0;
    uint64_t context = 0;
    std::atomic<bool> aborted{false};
    std::atomic<uint64_t> phase{0};  // how many meetings it has come to
    Description description;
  };
  Rank ranks[kMaxRanks];
  std::atomic<unsigned> error{0};  // an ncclResult_t for everybody
  char words[256] = {};            // written before error
  std::byte chunk[kMaxRanks][kChunkBytes];
  Box box[kMaxRanks][kMaxRanks];  // [from][to]
};

// The unique id of a new board, which this process holds open until release_board. Throws std::runtime_error.
ncclUniqueId make_board();
void release_board(const ncclUniqueId& id);
// Maps it; nullptr if the id is none, or its process is gone.
Board* open_board(const ncclUniqueId& id);
void close_board(Board* board);

// The first error stays.
void set_error(Board& board, ncclResult_t error, const std::string& words);

}  // namespace yoke::emulator::nccl
