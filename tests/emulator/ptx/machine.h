// What runs: a block with its warps, shared memory and barriers. One thread at a time works on a block.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/emulator/ptx/async_copies.h"
#include "tests/emulator/ptx/program.h"
#include "tests/emulator/ptx/race_check.h"

namespace yoke::emulator {

// Generic addresses of what is not device memory. None is canonical, none has the device tag.
inline constexpr uint64_t kSharedWindow = uint64_t{1} << 48;
inline constexpr uint64_t kLocalWindow = uint64_t{1} << 49;
inline constexpr uint64_t kParamWindow = uint64_t{1} << 50;
inline constexpr uint64_t kWindowBytes = uint64_t{1} << 32;

inline constexpr int kBadLaunch = 1, kIllegalAddress = 700, kCancelled = 702, kMisaligned = 716, kLaunchFailure = 719, kUnsupported = 801;

// Thrown by handlers; the scheduler adds kernel, block, thread and line.
struct LaneFault {
  int code;
  uint32_t lane;
  std::string what;
};

// An address space as one thread sees it: the list of ranges, and for each of a few instructions the one it hit last.
class RangeCache {
 public:
  static constexpr uint32_t kWays = 16;

  RangeCache(const AddressSpace& space, const std::vector<Variable>& variables);
  // The range that way `way` hit last; it is still one. Maybe empty.
  const AddressSpace::Range& last(uint32_t way) {
    if (space_.version() != version_) refresh();
    return last_[way % kWays];
  }
  // Finds the range that holds the whole access and remembers it; nullptr if none does, or only one that may not be written.
  const AddressSpace::Range* search(uint32_t way, uint64_t address, uint64_t bytes, bool write);
  std::byte* host(uint32_t way, uint64_t address, uint64_t bytes, bool write) {
    const AddressSpace::Range* range = search(way, address, bytes, write);
    return range == nullptr ? nullptr : range->host + (address - range->device);
  }
  // Why search() found nothing.
  std::string complaint(uint64_t address, uint64_t bytes, bool write) const;

 private:
  void refresh();

  const AddressSpace& space_;
  const std::vector<Variable>& variables_;
  std::shared_ptr<const AddressSpace::Ranges> ranges_;
  uint64_t version_;
  std::array<AddressSpace::Range, kWays> last_{};
};

// Lanes of a warp that are at one pc. `waiting`: at the barrier or the *.sync of this pc.
struct Split {
  enum class State : uint8_t { ready, rested, synchronising, at_barrier };  // rested: used its budget, others go first
  uint32_t pc = 0, mask = 0;
  State state = State::ready;
  uint8_t barrier = 0;
};

struct Block;

struct Warp {
  Block* block = nullptr;
  uint32_t* file = nullptr;
  uint32_t* predicates = nullptr;
  uint32_t carry = 0;  // of add.cc
  uint32_t index = 0;
  uint32_t left = 0;  // lanes that have left, or never were
  std::byte* local = nullptr;
  std::vector<Split> splits;
  AsyncCopies copies;

  template <class T>
  T* row(uint32_t offset) const {
    return reinterpret_cast<T*>(file + offset);
  }
  // An operand that names a predicate, maybe negated.
  uint32_t predicate(uint32_t operand) const { return predicates[operand >> 1] ^ (0 - (operand & 1)); }
  bool finished() const { return left == kAllLanes; }
};

struct NamedBarrier {
  uint32_t arrived = 0, expected = 0;  // threads; expected 0: all that have not left
  uint32_t all = 1, any = 0, count = 0;  // of bar.red
  uint32_t warps = 0;                    // that arrived
};

struct Block {
  Block(const Program& program, const Launch& launch, const AddressSpace& memory, const Options& options);
  // Makes it block `index` of the grid, at its beginning.
  void begin(uint64_t index);
  // Lets each warp have a turn; false when all have ended. Throws Fault.
  bool step();

  const Program& program;
  const Launch& launch;
  const Options& options;
  RangeCache memory;
  Dim3 id;
  uint64_t index = 0;
  uint32_t threads = 0, shared_bytes = 0;
  std::vector<std::byte> shared;
  std::vector<Warp> warps;
  std::array<NamedBarrier, 16> barriers;
  std::optional<RaceCheck> races;
  uint64_t noise = 0;  // state of the generator; 0: none
  uint64_t steps = 0;
  bool wants_rest = false;  // some warp waits or works long: give others the CPU

 private:
  struct Aligned {
    void operator()(uint32_t* p) const;
  };
  void fill_specials(Warp& warp, bool of_grid);
  void run_warp(Warp& warp);
  void run_split(Warp& warp, size_t which, int& budget);
  bool control(Warp& warp, Split& split, const Instruction& instruction, uint32_t mask, int& budget);
  bool synchronise(Warp& warp, Split& split, const Instruction& instruction, uint32_t mask);
  bool release_warp_barrier(Warp& warp);
  void arrive(Warp& warp, Split& split, const Instruction& instruction, uint32_t mask);
  void release_if_complete(uint32_t barrier);
  uint32_t threads_left() const;
  void leave(Warp& warp, uint32_t mask);
  void poll();
  [[noreturn]] void fail(const Warp& warp, uint32_t pc, const LaneFault& fault) const;
  [[noreturn]] void fail_deadlock() const;

  std::unique_ptr<uint32_t[], Aligned> files_;
  std::vector<uint32_t> predicates_;
  std::vector<std::byte> local_;
  uint64_t polled_at_ = 0;
};

std::string hex(uint64_t value);  // "0x..."

inline uint32_t first_lane(uint32_t mask) { return static_cast<uint32_t>(std::countr_zero(mask)); }

// atomic_read: volatile, relaxed or acquire; races with plain writes only.
enum class Access : uint8_t { read, atomic_read, write, atomic };

// Host addresses of one access of `bytes` by each lane of mask at the instruction's address row + offset; those of other lanes are
// nonsense. Checks ranges, alignment and races. True: all 32 lanes, one behind the other.
bool resolve(Warp& warp, const Instruction& instruction, uint32_t mask, uint32_t bytes, Access access, std::byte** host);
// The same for an address that is not the instruction's first.
struct AddressOperand {
  uint32_t row;
  int32_t offset;
  bool narrow;
  Space space;
  uint32_t line;
};
bool resolve(Warp& warp, const AddressOperand& address, uint32_t mask, uint32_t bytes, Access access, std::byte** host);

}  // namespace yoke::emulator
