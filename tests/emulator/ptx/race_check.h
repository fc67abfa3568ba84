// Finds accesses of two warps to one word of shared memory that no barrier orders. Happens-before by vector clocks: each warp counts its
// barriers, a barrier makes its participants know of each other's past.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace yoke::emulator {

class RaceCheck {
 public:
  static constexpr uint32_t kWarps = 32;
  enum class Access : uint8_t { read, atomic_read, write, atomic };

  RaceCheck(uint32_t shared_bytes, uint32_t warps);
  void reset();
  // An access to [offset, offset + bytes). Returns what it races with.
  std::optional<std::string> access(uint32_t warp, uint32_t offset, uint32_t bytes, Access access, uint32_t line);
  // All those warps have arrived.
  void barrier(uint32_t warps);

 private:
  using Clock = std::array<uint32_t, kWarps>;
  struct Word {
    uint8_t writer = 0;
    bool written = false, by_atomic = false;
    uint32_t write_time = 0, write_line = 0;
    uint32_t readers = 0, atomic_readers = 0;  // since the last write
    Clock read_time{}, read_line{};
  };
  bool knows(uint32_t warp, uint32_t other, uint32_t time) const { return warp == other || time <= clocks_[warp][other]; }
  std::optional<std::string> word(uint32_t warp, uint32_t index, Access access, uint32_t line);

  uint32_t warps_;
  std::vector<Word> words_;
  std::vector<Clock> clocks_;
};

}  // namespace yoke::emulator
