// The exchange table: two processes on two cores reduce 8 B to 128 KiB over our communicators, beside what a machine gives without
// any library: the same exchange and addition through plain shared memory, and through a plain TCP socket, both polling.
// All four run interleaved, so that a ratio compares what happened in the same moments.
//
//   bench_collectives [--rounds N] [--block N] [--json FILE]
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <vector>

#include <fmt/format.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/units.h"
#include "transport/add.h"
#include "transport/registry.h"

namespace yoke::bench {
namespace {

constexpr uint64_t kLargestBytes = 128 * 1024;
constexpr uint64_t kSizes[] = {8, 64, 512, 2048, 8 * 1024, 16 * 1024, 32 * 1024, 64 * 1024, kLargestBytes};
constexpr Duration kDeadline = std::chrono::seconds(20);

// One way to sum n bytes of floats over the two processes.
using AllReduce = std::function<void(std::byte* data, uint64_t bytes)>;

struct Pair {
  int rank = 0;
  int socket = -1;  // connected TCP over loopback
};

// The floor of shared memory: write into my slot, raise my flag, wait for the peer's, add from its slot.
// Two slots a rank: the peer may still read the one while the next round writes the other.
struct Board {
  struct Side {
    alignas(64) std::atomic<uint64_t> round;
    alignas(4096) std::byte slot[2][kLargestBytes];
  };
  Side side[2];
  alignas(64) std::atomic<uint64_t> handed[2];  // blobs of the exchange
  char blob[2][8][4096];
  size_t blob_bytes[2][8];
};

class PlainSharedMemory {
 public:
  PlainSharedMemory(Board* board, int rank) : mine_(board->side[rank]), theirs_(board->side[1 - rank]), rank_(rank) {}
  void operator()(std::byte* data, uint64_t bytes) {
    ++round_;
    std::memcpy(mine_.slot[round_ % 2], data, bytes);
    mine_.round.store(round_, std::memory_order_release);
    while (theirs_.round.load(std::memory_order_acquire) < round_) {
    }
    const std::byte* const theirs = theirs_.slot[round_ % 2];
    rank_ == 0 ? transport::add(data, data, theirs, bytes, Dtype::f32) : transport::add(data, theirs, data, bytes, Dtype::f32);
  }

 private:
  Board::Side& mine_;
  Board::Side& theirs_;
  const int rank_;
  uint64_t round_ = 0;
};

// The floor of TCP: non-blocking send and recv, polled in turn.
class PlainTcp {
 public:
  explicit PlainTcp(const Pair& pair) : pair_(pair), theirs_(kLargestBytes) {}
  void operator()(std::byte* data, uint64_t bytes) {
    uint64_t sent = 0, received = 0;
    while (sent < bytes || received < bytes) {
      if (sent < bytes) sent += moved(::send(pair_.socket, data + sent, bytes - sent, MSG_DONTWAIT | MSG_NOSIGNAL));
      if (received < bytes) received += moved(::recv(pair_.socket, theirs_.data() + received, bytes - received, MSG_DONTWAIT));
    }
    pair_.rank == 0 ? transport::add(data, data, theirs_.data(), bytes, Dtype::f32)
                    : transport::add(data, theirs_.data(), data, bytes, Dtype::f32);
  }

 private:
  static uint64_t moved(ssize_t result) {
    if (result > 0) return static_cast<uint64_t>(result);
    if (result == 0 || (errno != EAGAIN && errno != EINTR)) throw Error{Code::peer_lost, "the other process of the bench is gone"};
    return 0;
  }
  const Pair pair_;
  std::vector<std::byte> theirs_;
};

std::vector<std::string> exchange(Board& board, int rank, const std::string& mine) {
  const uint64_t round = board.handed[rank].load();
  YOKE_ASSERT(round < 8 && mine.size() <= sizeof board.blob[0][0]);
  std::memcpy(board.blob[rank][round], mine.data(), mine.size());
  board.blob_bytes[rank][round] = mine.size();
  board.handed[rank].store(round + 1);
  while (board.handed[1 - rank].load() <= round) sched_yield();
  std::vector<std::string> all;
  for (int r = 0; r < 2; ++r) all.emplace_back(board.blob[r][round], board.blob_bytes[r][round]);
  return all;
}

std::unique_ptr<transport::Communicator> make_ucx(Board& board, int rank, const char* rails) {
  return transport::communicator_backend("ucx").make({.rank = rank, .size = 2, .exchange = [&board, rank](const std::string& mine) {
                                                        return exchange(board, rank, mine);
                                                      }, .rails = rails});
}

void make_tcp_pair(int sockets[2]) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  const bool listening = ::bind(listener, reinterpret_cast<sockaddr*>(&address), length) == 0 && ::listen(listener, 1) == 0 &&
                         ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  sockets[0] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (!listening || ::connect(sockets[0], reinterpret_cast<sockaddr*>(&address), length) != 0) throw Error{Code::unavailable, "no TCP on loopback"};
  sockets[1] = ::accept(listener, nullptr, nullptr);
  ::close(listener);
  const int on = 1;
  for (int i = 0; i < 2; ++i) ::setsockopt(sockets[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

struct Row {
  std::string name;
  AllReduce run;
  std::vector<double> us;  // of one operation
};

// Blocks of one way after the other, round after round. Operations to time come in batches long enough for the clock.
void measure(std::vector<Row>& rows, uint64_t bytes, int rounds, int block) {
  std::vector<float> data(bytes / sizeof(float), 1e-30f);
  const int batch = bytes <= 2048 ? 8 : 1;
  for (int round = 0; round < rounds; ++round) {
    for (Row& row : rows) {
      for (int i = 0; i < block; ++i) {
        const TimePoint begin = system_clock().now();
        for (int j = 0; j < batch; ++j) row.run(reinterpret_cast<std::byte*>(data.data()), bytes);
        if (i >= block / 8) row.us.push_back(seconds(system_clock().now() - begin) * 1e6 / batch);
      }
      std::ranges::fill(data, 1e-30f);
    }
  }
}

double percentile(std::vector<double> values, double p) {
  const auto at = values.begin() + static_cast<ptrdiff_t>(p * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

void print_row(uint64_t bytes, const std::vector<Row>& rows, std::string& json) {
  double p50[4], p10[4];
  for (size_t i = 0; i < rows.size(); ++i) {
    p50[i] = percentile(rows[i].us, 0.5);
    p10[i] = percentile(rows[i].us, 0.1);
  }
  fmt::print("| {:>8} | {:7.2f} ({:7.2f}) | {:7.2f} ({:7.2f}) | {:4.2f} ({:4.2f}) | {:7.2f} ({:7.2f}) | {:7.2f} ({:7.2f}) | {:4.2f} ({:4.2f}) |\n",
             format_bytes(bytes), p50[1], p10[1], p50[0], p10[0], p50[1] / p50[0], p10[1] / p10[0], p50[3], p10[3], p50[2], p10[2],
             p50[3] / p50[2], p10[3] / p10[2]);
  std::fflush(stdout);
  json += fmt::format("{}\n  {{\"bytes\": {}", json.empty() ? "" : ",", bytes);
  for (size_t i = 0; i < rows.size(); ++i) json += fmt::format(", \"{0}_p50_us\": {1:.3f}, \"{0}_p10_us\": {2:.3f}", rows[i].name, p50[i], p10[i]);
  json += "}";
}

void pin(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  if (sched_setaffinity(0, sizeof cores, &cores) != 0) fmt::print(stderr, "cannot pin to core {}: the numbers will waver\n", core);
}

void run_rank(Board& board, const Pair& pair, int rounds, int block, const std::string& json_file) {
  const auto shm = make_ucx(board, pair.rank, "shm");
  const auto tcp = make_ucx(board, pair.rank, "tcp");
  pin(pair.rank);  // after the communicators: they see two usable cores, as engines do
  const auto ours = [](transport::Communicator& communicator) {
    return [&communicator](std::byte* data, uint64_t bytes) {
      communicator.all_reduce(data, static_cast<int64_t>(bytes / sizeof(float)), Dtype::f32, kDeadline);
    };
  };
  if (pair.rank == 0) {
    fmt::print("all-reduce of two processes, us: p50 (p10)\n");
    fmt::print("| bytes    | ucx shm           | plain shm         | ratio       | ucx tcp           | plain tcp         | ratio       |\n");
    fmt::print("|---|---|---|---|---|---|---|\n");
  }
  PlainSharedMemory plain_shm(&board, pair.rank);
  PlainTcp plain_tcp(pair);
  std::string json;
  for (const uint64_t bytes : kSizes) {
    std::vector<Row> rows{{"plain_shm", std::ref(plain_shm), {}}, {"ucx_shm", ours(*shm), {}}, {"plain_tcp", std::ref(plain_tcp), {}},
                          {"ucx_tcp", ours(*tcp), {}}};
    measure(rows, bytes, rounds, block);
    if (pair.rank == 0) print_row(bytes, rows, json);
    shm->barrier(kDeadline);
  }
  if (pair.rank != 0 || json_file.empty()) return;
  std::FILE* const file = std::fopen(json_file.c_str(), "w");
  if (file == nullptr) throw Error{Code::invalid_argument, fmt::format("cannot write {}", json_file), "json"};
  fmt::print(file, "{{\"bench\": \"collectives\", \"rounds\": {}, \"rows\": [{}]}}\n", rounds, json);
  std::fclose(file);
}

int run(int rounds, int block, const std::string& json_file) {
  void* const memory = mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw Error{Code::does_not_fit, "no shared memory for the bench"};
  Board& board = *new (memory) Board{};
  int sockets[2];
  make_tcp_pair(sockets);
  const pid_t child = fork();
  const int rank = child == 0 ? 1 : 0;
  ::close(sockets[1 - rank]);
  int code = 0;
  try {
    run_rank(board, {rank, sockets[rank]}, rounds, block, json_file);
  } catch (const std::exception& error) {
    fmt::print(stderr, "rank {}: {}\n", rank, error.what());
    code = 1;
  }
  ::close(sockets[rank]);
  if (child == 0) std::_Exit(code);
  int status = 0;
  waitpid(child, &status, 0);
  return code != 0 || status != 0;
}

}  // namespace
}  // namespace yoke::bench

int main(int argc, char** argv) {
  CLI::App app{"All-reduce of two processes beside plain shared memory and plain TCP"};
  int rounds = 20;
  int block = 200;
  std::string json_file;
  app.add_option("--rounds", rounds, "how often the four ways take turns")->check(CLI::Range(1, 10000));
  app.add_option("--block", block, "timings of one way before the next")->check(CLI::Range(8, 100000));
  app.add_option("--json", json_file, "also write the numbers here");
  CLI11_PARSE(app, argc, argv);
  return yoke::bench::run(rounds, block, json_file);
}
