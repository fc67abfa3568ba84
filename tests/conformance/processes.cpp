#include "processes.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "core/error.h"

namespace yoke::transport::conformance {
namespace {

constexpr int kMaxRanks = 4;
constexpr int kMaxRounds = 4;
constexpr size_t kMaxBlob = 4096;

}  // namespace

struct BlobBoard {
  std::atomic<int> rounds[kMaxRanks];  // that the rank has taken part in
  Signal ready[kMaxRanks];
  size_t bytes[kMaxRounds][kMaxRanks];
  char blob[kMaxRounds][kMaxRanks][kMaxBlob];
  char outcome[kMaxRanks][512];
};

namespace {

template <typename Condition>
void wait_for(Condition condition, const char* what) {
  const TimePoint end = system_clock().now() + std::chrono::seconds(60);
  while (!condition()) {
    if (system_clock().now() > end) throw Error{Code::deadline_exceeded, what};
    std::this_thread::yield();
  }
}

std::vector<std::string> exchange(BlobBoard& board, int rank, int size, const std::string& mine) {
  const int round = board.rounds[rank].load();
  YOKE_ASSERT(round < kMaxRounds && mine.size() <= kMaxBlob);
  std::memcpy(board.blob[round][rank], mine.data(), mine.size());
  board.bytes[round][rank] = mine.size();
  board.rounds[rank].store(round + 1);
  std::vector<std::string> blobs;
  for (int r = 0; r < size; ++r) {
    wait_for([&] { return board.rounds[r].load() > round; }, "a process did not take part in the exchange");
    blobs.emplace_back(board.blob[round][r], board.bytes[round][r]);
  }
  return blobs;
}

}  // namespace

Processes::Processes(int size, const Road& road, const RankMain& rank_main, const std::function<void(int)>& before) {
  void* const memory = mmap(nullptr, sizeof(BlobBoard), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  YOKE_ASSERT(memory != MAP_FAILED && size <= kMaxRanks);
  board_ = new (memory) BlobBoard{};
  std::fflush(nullptr);  // or the children would print it again
  for (int rank = 0; rank < size; ++rank) {
    const pid_t pid = fork();
    if (pid == 0) {
      if (before) before(rank);
      run_rank(rank, size, road, rank_main);
    }
    pids_.push_back(pid);
  }
}

void Processes::run_rank(int rank, int size, const Road& road, const RankMain& rank_main) {
  std::string outcome;
  try {
    const auto communicator = make_rank(
        road, {.rank = rank, .size = size, .exchange = [&](const std::string& mine) { return exchange(*board_, rank, size, mine); }});
    rank_main(*communicator, board_->ready[rank]);
  } catch (const std::exception& error) {
    outcome = error.what();
  }
  std::snprintf(board_->outcome[rank], sizeof board_->outcome[rank], "%s", outcome.c_str());
  std::_Exit(0);
}

Processes::~Processes() {
  for (size_t rank = 0; rank < pids_.size(); ++rank) {
    if (pids_[rank] == 0) continue;
    kill(static_cast<int>(rank));
    outcome(static_cast<int>(rank));
  }
  munmap(board_, sizeof(BlobBoard));
}

void Processes::kill(int rank) { ::kill(pids_[rank], SIGKILL); }

void Processes::wait_until_ready(int rank) {
  wait_for([&] { return board_->ready[rank].raised.load(); }, "a process did not get so far");
}

std::string Processes::outcome(int rank) {
  int status = 0;
  waitpid(pids_[rank], &status, 0);
  pids_[rank] = 0;
  if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status));
  return board_->outcome[rank];
}

}  // namespace yoke::transport::conformance
