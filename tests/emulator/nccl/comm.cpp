#include "tests/emulator/nccl/comm.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "tests/emulator/nccl/driver_calls.h"

namespace yoke::emulator::nccl {
namespace {

constexpr auto kSlow = std::chrono::milliseconds(300);
constexpr auto kBlockingPause = std::chrono::microseconds(200);

// What the fault does to the call itself.
void suffer(Fault fault, bool joining) {
  while (fault == Fault::wedge) pause();
  if (!joining) return;
  if (fault == Fault::die) kill(getpid(), SIGKILL);
  if (fault == Fault::slow) std::this_thread::sleep_for(kSlow);
}

void check(const ncclConfig_t& config, int size, int rank) {
  if (size < 1 || size > kMaxRanks || rank < 0 || rank >= size) {
    throw Failure{ncclInvalidArgument, "rank " + std::to_string(rank) + " of " + std::to_string(size)};
  }
  if (config.magic != kConfigMagic || config.size < sizeof(ncclConfig_t) || config.version < kConfigVersion) {
    throw Failure{ncclInvalidArgument, "the configuration was not begun with its initialiser, or is older than 2.28"};
  }
  if (config.blocking != kUndefined && config.blocking != 0 && config.blocking != 1)
    throw Failure{ncclInvalidArgument, "blocking is neither 0 nor 1"};
}

}  // namespace

struct Comm::Batch {
  std::shared_ptr<Comm> comm;
  std::vector<Operation> operations;
  Fault fault = Fault::none;
  bool captured = false;  // a graph may run it again
};

Comm::Comm(int size, const ncclUniqueId& id, int rank, const ncclConfig_t& config)
    : size_(size), rank_(rank), id_(id), blocking_(config.blocking != 0) {
  check(config, size, rank);
  board_ = open_board(id);
  if (!board_) throw Failure{ncclInvalidArgument, "the unique id is none of the emulator's, or its process is gone"};
  join();
}

Comm::~Comm() {
  release_board(id_);
  if (board_) close_board(board_);
}

void Comm::join() {
  const Fault fault = fault_of(rank_, 0);
  suffer(fault, true);
  if (fault == Fault::error)
    set_error(*board_, ncclRemoteError, "rank " + std::to_string(rank_) + " failed, as YOKE_EMULATOR_NCCL_FAULT asks");
  if (fault == Fault::hang) return;
  Board::Rank& mine = board_->ranks[rank_];
  if (mine.joined != 0) throw Failure{ncclInvalidUsage, "rank " + std::to_string(rank_) + " joined before"};
  mine.version = version();
  mine.pid = getpid();
  mine.context = current_context();
  mine.joined = size_;
}

// True once all are there and fit together. Throws Failure where they do not.
bool Comm::all_joined() {
  for (int r = 0; r < size_; ++r) {
    if (board_->ranks[r].joined == 0) return false;
  }
  for (int r = 0; r < size_; ++r) {
    const Board::Rank& other = board_->ranks[r];
    if (other.joined != size_) throw Failure{ncclInvalidUsage, "the ranks were told of groups of different sizes"};
    if (other.version != board_->ranks[rank_].version) {
      throw Failure{ncclInvalidUsage, "NCCL " + std::to_string(other.version) + " on rank " + std::to_string(r) + " and " +
                                          std::to_string(board_->ranks[rank_].version) + " on rank " + std::to_string(rank_)};
    }
    for (int s = 0; s < r; ++s) {
      const bool same = board_->ranks[s].pid == other.pid && board_->ranks[s].context == other.context;
      if (same) throw Failure{ncclInvalidUsage, "ranks " + std::to_string(s) + " and " + std::to_string(r) + " are on one GPU"};
    }
  }
  return true;
}

ncclResult_t Comm::fail(const Failure& failure) {
  if (result_ == ncclSuccess) {
    result_ = failure.result;
    words_ = failure.words;
    if (!aborted_) std::fprintf(stderr, "emulator: NCCL rank %d: %s\n", rank_, failure.words.c_str());
  }
  return result_;
}

ncclResult_t Comm::poll() {
  std::lock_guard lock(mutex_);
  if (result_ != ncclSuccess) return result_;
  if (board_->error != 0) return fail({static_cast<ncclResult_t>(board_->error.load()), board_->words});
  try {
    if (!ready_) {
      if (!all_joined()) return ncclInProgress;
      ready_ = true;
      release_board(id_);
    }
    flush();
  } catch (const Failure& failure) {
    return fail(failure);
  }
  return ncclSuccess;
}

std::string Comm::last_error() {
  std::lock_guard lock(mutex_);
  return words_;
}

ncclResult_t Comm::submit(std::vector<Operation> operations) {
  std::unique_lock lock(mutex_);
  if (result_ != ncclSuccess) return result_;
  if (!ready_) throw Failure{ncclInvalidUsage, "the communicator is not ready: ncclCommGetAsyncError says when it is"};
  if (!waiting_.empty())
    throw Failure{ncclInvalidUsage,
                  "the call before is still ncclInProgress: ncclCommGetAsyncError says when it is not"};
  const Fault fault = fault_of(rank_, ++calls_);
  lock.unlock();
  suffer(fault, false);
  lock.lock();
  waiting_.push_back(std::make_unique<Batch>(Batch{shared_from_this(), std::move(operations), fault}));
  if (!blocking_) return ncclInProgress;
  flush();
  return ncclSuccess;
}

// With the mutex held.
void Comm::flush() {
  std::vector<std::unique_ptr<Batch>> batches = std::move(waiting_);
  waiting_.clear();
  for (auto& batch : batches) launch(std::move(batch));
}

void Comm::launch(std::unique_ptr<Batch> batch) {
  const cudaStream_t stream = batch->operations.front().stream;
  batch->captured = is_captured(stream);
  const bool captured = batch->captured;
  if (!captured) ++on_streams_;
  Batch* given = batch.release();  // run() takes it; where a graph has it, it stays
  if (launch_host_function(stream, run, given)) return;
  if (!captured) --on_streams_;
  delete given;
  throw Failure{ncclUnhandledCudaError, "cuLaunchHostFunc failed"};
}

void Comm::run(void* data) {
  auto* batch = static_cast<Batch*>(data);
  const std::shared_ptr<Comm> comm = batch->comm;
  if (batch->captured) {
    std::lock_guard lock(comm->mutex_);
    ++comm->on_streams_;  // for this replay
  }
  comm->work(*batch);
  if (!batch->captured) delete batch;
  std::lock_guard lock(comm->mutex_);
  --comm->on_streams_;
  comm->idle_.notify_all();
}

void Comm::work(const Batch& batch) {
  try {
    switch (batch.fault) {
      case Fault::die: kill(getpid(), SIGKILL); break;
      case Fault::slow: std::this_thread::sleep_for(kSlow); break;
      case Fault::error: throw Failure{ncclRemoteError, "rank " + std::to_string(rank_) + " failed, as YOKE_EMULATOR_NCCL_FAULT asks"};
      case Fault::hang:
        while (!aborted_) std::this_thread::sleep_for(kBlockingPause);
        break;
      case Fault::none:
      case Fault::wedge: break;
    }
    if (aborted_) return;
    execute(*this, batch.operations);
  } catch (const Failure& failure) {
    if (!aborted_) set_error(*board_, failure.result, failure.words);
    std::lock_guard lock(mutex_);
    fail(failure);
  }
}

void Comm::check_waiting() {
  if (aborted_) throw Failure{ncclInvalidUsage, "aborted"};
  if (board_->error != 0) throw Failure{static_cast<ncclResult_t>(board_->error.load()), board_->words};
  for (int r = 0; r < size_; ++r) {
    if (board_->ranks[r].aborted) throw Failure{ncclRemoteError, "rank " + std::to_string(r) + " aborted its communicator"};
  }
}

void Comm::abort() {
  aborted_ = true;
  board_->ranks[rank_].aborted = true;
  wait_for_work();
}

void Comm::wait_for_work() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [&] { return on_streams_ == 0; });
}

}  // namespace yoke::emulator::nccl
