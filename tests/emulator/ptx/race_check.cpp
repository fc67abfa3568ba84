#include "tests/emulator/ptx/race_check.h"

#include <algorithm>
#include <bit>

namespace yoke::emulator {
namespace {

std::string race(const char* what, uint32_t offset, uint32_t other, uint32_t line) {
  return std::string("race on shared memory: ") + what + " at offset " + std::to_string(offset) + " by warp " + std::to_string(other) + " in line " +
         std::to_string(line) + ", with no barrier between";
}

}  // namespace

RaceCheck::RaceCheck(uint32_t shared_bytes, uint32_t warps) : warps_(warps), words_((shared_bytes + 3) / 4), clocks_(warps) { reset(); }

void RaceCheck::reset() {
  std::fill(words_.begin(), words_.end(), Word{});
  for (uint32_t warp = 0; warp < warps_; ++warp) clocks_[warp].fill(0), clocks_[warp][warp] = 1;
}

std::optional<std::string> RaceCheck::access(uint32_t warp, uint32_t offset, uint32_t bytes, Access access, uint32_t line) {
  for (uint32_t index = offset / 4; index <= (offset + bytes - 1) / 4; ++index) {
    if (auto found = word(warp, index, access, line)) return found;
  }
  return std::nullopt;
}

std::optional<std::string> RaceCheck::word(uint32_t warp, uint32_t index, Access access, uint32_t line) {
  Word& word = words_[index];
  const bool atomic = access == Access::atomic || access == Access::atomic_read;
  const bool reads = access == Access::read || access == Access::atomic_read;
  if (word.written && !(atomic && word.by_atomic) && !knows(warp, word.writer, word.write_time)) {
    return race(reads ? "reads what was written" : "overwrites what was written", index * 4, word.writer, word.write_line);
  }
  const uint32_t now = clocks_[warp][warp];
  if (reads) {
    (atomic ? word.atomic_readers : word.readers) |= uint32_t{1} << warp;
    word.read_time[warp] = now, word.read_line[warp] = line;
    return std::nullopt;
  }
  for (uint32_t readers = word.readers | (atomic ? 0 : word.atomic_readers); readers != 0; readers &= readers - 1) {
    const auto reader = static_cast<uint32_t>(std::countr_zero(readers));
    if (!knows(warp, reader, word.read_time[reader])) return race("overwrites what was read", index * 4, reader, word.read_line[reader]);
  }
  word.written = true, word.by_atomic = atomic, word.writer = static_cast<uint8_t>(warp);
  word.write_time = now, word.write_line = line;
  word.readers = word.atomic_readers = 0;
  return std::nullopt;
}

void RaceCheck::barrier(uint32_t warps) {
  Clock joined{};
  for (uint32_t warp = 0; warp < warps_; ++warp) {
    if (warps >> warp & 1) {
      for (uint32_t i = 0; i < kWarps; ++i) joined[i] = std::max(joined[i], clocks_[warp][i]);
    }
  }
  for (uint32_t warp = 0; warp < warps_; ++warp) {
    if (warps >> warp & 1) clocks_[warp] = joined, ++clocks_[warp][warp];
  }
}

}  // namespace yoke::emulator
