// A communicator: how it comes to be, what was asked of it, and how it ends. Any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/emulator/nccl/board.h"
#include "tests/emulator/nccl/settings.h"

namespace yoke::emulator::nccl {

struct Failure {
  ncclResult_t result;
  std::string words;
};

enum class Kind : uint32_t { all_reduce, all_gather, reduce_scatter, reduce, broadcast, send, recv };

struct Operation {
  Kind kind;
  const void* from = nullptr;
  void* to = nullptr;
  size_t count = 0;
  ncclDataType_t type = ncclInt8;
  ncclRedOp_t op = ncclSum;
  int root = 0;  // or the peer
  cudaStream_t stream = nullptr;
};

class Comm : public std::enable_shared_from_this<Comm> {
 public:
  // Joins: the others may come later. Failure where the arguments are wrong.
  Comm(int size, const ncclUniqueId& id, int rank, const ncclConfig_t& config);
  ~Comm();

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool blocking() const { return blocking_; }
  Board& board() { return *board_; }

  // Goes on with what was begun, and says how things stand: ncclInProgress until all have joined and all work is on its stream.
  ncclResult_t poll();
  std::string last_error();

  // One group of operations, on one stream: put on the stream now, or (not blocking) at the next poll. Throws Failure.
  ncclResult_t submit(std::vector<Operation> operations);

  void abort();
  void wait_for_work();  // until nothing of it is on a stream

  // For work that waits in a thread of the driver's: throws Failure where it must not go on.
  void check_waiting();

 private:
  struct Batch;
  void join();
  bool all_joined();
  void flush();
  void launch(std::unique_ptr<Batch> batch);
  static void run(void* batch);
  void work(const Batch& batch);
  ncclResult_t fail(const Failure& failure);

  const int size_;
  const int rank_;
  const ncclUniqueId id_;
  const bool blocking_;
  Board* board_ = nullptr;
  std::atomic<bool> aborted_{false};

  std::mutex mutex_;
  std::condition_variable idle_;
  bool ready_ = false;
  uint64_t calls_ = 0;
  int on_streams_ = 0;
  std::vector<std::unique_ptr<Batch>> waiting_;  // for a poll
  ncclResult_t result_ = ncclSuccess;
  std::string words_;
};

// operations.cpp: does one group, in a thread of the driver's.
void execute(Comm& comm, const std::vector<Operation>& operations);

size_t bytes_of(ncclDataType_t type);  // of one element; Failure for a type that the double does not know

}  // namespace yoke::emulator::nccl
