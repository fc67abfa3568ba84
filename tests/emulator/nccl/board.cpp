#include "tests/emulator/nccl/board.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <stdexcept>

namespace yoke::emulator::nccl {
namespace {

constexpr char kPrefix[] = "yoke-emulator-nccl /proc/";  // the id is this, "PID/fd/N" and, to tell boards apart, a number

struct State {
  std::mutex mutex;
  std::map<std::string, int> held;  // descriptors, by id
  uint64_t made = 0;
};

State& state() {
  static State* const once = new State;  // leaked: the driver's threads may use it while the process exits
  return *once;
}

std::string text_of(const ncclUniqueId& id) { return std::string(id.internal, strnlen(id.internal, sizeof id.internal)); }

}  // namespace

ncclUniqueId make_board() {
  const int fd = memfd_create("yoke-emulator-nccl", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, sizeof(Board)) != 0) throw std::runtime_error("no shared memory for a communicator");
  ncclUniqueId id{};
  std::lock_guard lock(state().mutex);
  std::snprintf(id.internal, sizeof id.internal, "%s%d/fd/%d %llu", kPrefix, getpid(), fd, static_cast<unsigned long long>(state().made++));
  state().held[text_of(id)] = fd;
  return id;
}

void release_board(const ncclUniqueId& id) {
  std::lock_guard lock(state().mutex);
  const auto at = state().held.find(text_of(id));
  if (at == state().held.end()) return;
  close(at->second);
  state().held.erase(at);
}

Board* open_board(const ncclUniqueId& id) {
  const std::string text = text_of(id);
  if (!text.starts_with(kPrefix)) return nullptr;
  const size_t begin = text.find("/proc/");
  const std::string path = text.substr(begin, text.rfind(' ') - begin);
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return nullptr;
  void* memory = mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  // All of a Board is right when it is zero, so that no rank needs to be the first.
  return memory == MAP_FAILED ? nullptr : static_cast<Board*>(memory);
}

void close_board(Board* board) { munmap(board, sizeof(Board)); }

void set_error(Board& board, ncclResult_t error, const std::string& words) {
  if (board.error != 0) return;
  std::snprintf(board.words, sizeof board.words, "%s", words.c_str());
  board.error = error;
}

}  // namespace yoke::emulator::nccl
