// A block of threads from its beginning to its end, and its barriers. How one warp runs is in schedule.cpp.
#include <algorithm>
#include <cstring>
#include <new>

#include "tests/emulator/ptx/machine.h"

namespace yoke::emulator {
namespace {

// Rows start on a cache line of their own.
constexpr std::align_val_t kRowAlignment{128};
constexpr std::byte kFill{0xCD};
// A NaN, also read as two halves; hides no use of a register that nothing has written.
constexpr uint32_t kPoison = 0xFFBAFFBA;

uint32_t round_up(uint32_t value, uint32_t alignment) { return (value + alignment - 1) / alignment * alignment; }

uint32_t special_value(Special special, const Block& block, uint32_t thread) {
  const Dim3 &size = block.launch.block, &grid = block.launch.grid;
  const uint32_t lane = thread % 32;
  switch (special) {
    case Special::tid_x: return thread % size.x;
    case Special::tid_y: return thread / size.x % size.y;
    case Special::tid_z: return thread / size.x / size.y;
    case Special::ntid_x: return size.x;
    case Special::ntid_y: return size.y;
    case Special::ntid_z: return size.z;
    case Special::ctaid_x: return block.id.x;
    case Special::ctaid_y: return block.id.y;
    case Special::ctaid_z: return block.id.z;
    case Special::nctaid_x: return grid.x;
    case Special::nctaid_y: return grid.y;
    case Special::nctaid_z: return grid.z;
    case Special::laneid: return lane;
    case Special::warpid: return thread / 32;
    case Special::nwarpid: return static_cast<uint32_t>(block.warps.size());
    case Special::lanemask_eq: return uint32_t{1} << lane;
    case Special::lanemask_lt: return (uint32_t{1} << lane) - 1;
    case Special::lanemask_le: return (uint32_t{2} << lane) - 1;
    case Special::lanemask_gt: return ~((uint32_t{2} << lane) - 1);
    case Special::lanemask_ge: return ~((uint32_t{1} << lane) - 1);
    case Special::smid: return static_cast<uint32_t>(block.index % 4);
    case Special::nsmid: return 4;
    case Special::gridid: return 1;
    case Special::dynamic_shared: return block.launch.dynamic_shared;
    case Special::total_shared: return block.shared_bytes;
    case Special::zero: return 0;
    case Special::one: return 1;
  }
  return 0;
}

// Thread i of the block, for a fault's text.
std::string thread_name(const Dim3& size, uint32_t thread) {
  return "(" + std::to_string(thread % size.x) + "," + std::to_string(thread / size.x % size.y) + "," + std::to_string(thread / size.x / size.y) + ")";
}

}  // namespace

void Block::Aligned::operator()(uint32_t* p) const { ::operator delete(p, kRowAlignment); }

Block::Block(const Program& p, const Launch& l, const AddressSpace& space, const Options& o)
    : program(p), launch(l), options(o), memory(space, *p.variables), threads(l.block.x * l.block.y * l.block.z) {
  const uint32_t dynamic_at = l.dynamic_shared == 0 ? p.static_shared : round_up(p.static_shared, p.shared_alignment);
  shared_bytes = dynamic_at + l.dynamic_shared;
  shared.resize(shared_bytes);
  warps.resize((threads + 31) / 32);
  const size_t words = size_t{p.file_words} * warps.size();
  files_.reset(static_cast<uint32_t*>(::operator new(words * sizeof(uint32_t), kRowAlignment)));
  std::fill_n(files_.get(), words, kPoison);
  predicates_.resize(size_t{p.predicates} * warps.size());
  local_.resize(size_t{p.local_bytes} * 32 * warps.size());
  if (o.race_check) races.emplace(shared_bytes, static_cast<uint32_t>(warps.size()));
  for (size_t i = 0; i < warps.size(); ++i) {
    Warp& warp = warps[i];
    warp.block = this;
    warp.index = static_cast<uint32_t>(i);
    warp.file = files_.get() + i * p.file_words;
    warp.predicates = predicates_.data() + i * p.predicates;
    warp.local = local_.data() + i * 32 * p.local_bytes;
    std::copy(p.constants.begin(), p.constants.end(), warp.file);
    fill_specials(warp, false);
  }
}

void Block::begin(uint64_t which) {
  index = which;
  const Dim3& grid = launch.grid;
  id = {static_cast<uint32_t>(which % grid.x), static_cast<uint32_t>(which / grid.x % grid.y), static_cast<uint32_t>(which / grid.x / grid.y)};
  std::fill(shared.begin(), shared.end(), kFill);
  std::fill(local_.begin(), local_.end(), kFill);
  barriers.fill({});
  if (races) races->reset();
  noise = options.noise_seed == 0 ? 0 : (options.noise_seed + which) * 0x9e3779b97f4a7c15 | 1;
  steps = polled_at_ = 0;
  for (Warp& warp : warps) {
    const uint32_t first = warp.index * 32, present = std::min(32u, threads - first);
    warp.left = present == 32 ? 0 : ~uint32_t{0} << present;
    warp.splits.clear();
    warp.splits.push_back({0, ~warp.left, Split::State::ready, 0});
    warp.carry = 0;
    warp.copies.clear();
    warp.predicates[kTruePredicate] = kAllLanes;
    fill_specials(warp, true);
  }
}

// Those that depend on the block's place in the grid, or the others.
void Block::fill_specials(Warp& warp, bool of_grid) {
  for (const auto& [special, offset, wide] : program.specials) {
    const bool depends = special == Special::ctaid_x || special == Special::ctaid_y || special == Special::ctaid_z || special == Special::smid;
    if (depends != of_grid) continue;
    for (uint32_t lane = 0; lane < 32; ++lane) {
      const uint32_t value = special_value(special, *this, warp.index * 32 + lane);
      if (wide) warp.row<uint64_t>(offset)[lane] = value;
      else warp.row<uint32_t>(offset)[lane] = value;
    }
  }
}

uint32_t Block::threads_left() const {
  uint32_t count = 0;
  for (const Warp& warp : warps) count += static_cast<uint32_t>(std::popcount(~warp.left));
  return count;
}

void Block::arrive(Warp& warp, Split& split, const Instruction& i, uint32_t mask) {
  const size_t id_at = i.reduction == Reduction::none ? 0 : 1;
  const uint32_t lane = first_lane(mask);
  const uint32_t which = warp.row<uint32_t>(i.op[id_at])[lane], count = warp.row<uint32_t>(i.op[id_at + 1])[lane];
  if (which >= barriers.size()) throw LaneFault{kLaunchFailure, lane, "barrier " + std::to_string(which) + ": there are 16"};
  if (count % 32 != 0) throw LaneFault{kLaunchFailure, lane, "barrier for " + std::to_string(count) + " threads: no multiple of 32"};
  NamedBarrier& barrier = barriers[which];
  if (barrier.arrived != 0 && barrier.expected != count) {
    throw LaneFault{kLaunchFailure, lane,
                    "barrier " + std::to_string(which) + ": expected " + std::to_string(count) + " threads here, " +
                        std::to_string(barrier.expected) + " by those who arrived before"};
  }
  barrier.expected = count;
  barrier.arrived += static_cast<uint32_t>(std::popcount(mask));
  barrier.warps |= uint32_t{1} << warp.index;
  if (i.reduction != Reduction::none) {
    const uint32_t p = warp.predicate(i.op[3]) & mask;
    barrier.all &= static_cast<uint32_t>(p == mask);
    barrier.any |= static_cast<uint32_t>(p != 0);
    barrier.count += static_cast<uint32_t>(std::popcount(p));
  }
  if (i.kind == Kind::barrier) {
    split.state = Split::State::at_barrier;
    split.barrier = static_cast<uint8_t>(which);
  } else {
    ++split.pc;
  }
  release_if_complete(which);
}

void Block::release_if_complete(uint32_t which) {
  NamedBarrier& barrier = barriers[which];
  if (barrier.arrived == 0) return;
  const uint32_t expected = barrier.expected == 0 ? threads_left() : barrier.expected;
  if (barrier.arrived < expected) return;
  if (races) races->barrier(barrier.warps);
  for (Warp& warp : warps) {
    for (Split& split : warp.splits) {
      if (split.state != Split::State::at_barrier || split.barrier != which) continue;
      const Instruction& i = program.code[split.pc];
      if (i.reduction == Reduction::count) {
        for (uint32_t lane = 0; lane < 32; ++lane) {
          if (split.mask >> lane & 1) warp.row<uint32_t>(i.op[0])[lane] = barrier.count;
        }
      } else if (i.reduction != Reduction::none) {
        const uint32_t value = 0 - (i.reduction == Reduction::all ? barrier.all : barrier.any);
        warp.predicates[i.op[0]] = (warp.predicates[i.op[0]] & ~split.mask) | (value & split.mask);
      }
      split.state = Split::State::ready;
      ++split.pc;
    }
  }
  barrier = {};
}

void Block::leave(Warp& warp, uint32_t mask) {
  if (const uint32_t line = warp.copies.pending_line(mask)) {
    throw LaneFault{kLaunchFailure, first_lane(mask), "the thread ends before it waited for its cp.async of " + program.instruction_text(line)};
  }
  warp.left |= mask;
  for (uint32_t which = 0; which < barriers.size(); ++which) release_if_complete(which);
}

void Block::fail(const Warp& warp, uint32_t pc, const LaneFault& fault) const {
  const std::string where = "kernel " + program.name + ", block (" + std::to_string(id.x) + "," + std::to_string(id.y) + "," +
                            std::to_string(id.z) + "), thread " + thread_name(launch.block, warp.index * 32 + fault.lane) + ", warp " +
                            std::to_string(warp.index) + " lane " + std::to_string(fault.lane);
  throw Fault{fault.code, where + ", " + program.instruction_text(program.code[pc].line) + ": " + fault.what};
}

void Block::fail_deadlock() const {
  std::string what;
  const Warp* first = nullptr;
  const Split* waiting = nullptr;
  size_t named = 0;
  for (const Warp& warp : warps) {
    for (const Split& split : warp.splits) {
      if (first == nullptr) first = &warp, waiting = &split;
      if (++named > 4) continue;
      what += "; warp " + std::to_string(warp.index) + " lanes with mask " + hex(split.mask) + " wait in " +
              program.instruction_text(program.code[split.pc].line);
    }
  }
  fail(*first, waiting->pc, {kLaunchFailure, first_lane(waiting->mask), "deadlock" + what + (named > 4 ? "; and others" : "")});
}

void Block::poll() {
  if (options.max_steps != 0 && steps > options.max_steps) {
    throw Fault{kCancelled, "kernel " + program.name + ": block " + std::to_string(index) + " ran more than " + std::to_string(options.max_steps) +
                                " warp instructions"};
  }
  if (steps - polled_at_ < 20'000) return;
  polled_at_ = steps;
  if (options.cancelled && options.cancelled()) throw Fault{kCancelled, "kernel " + program.name + ": cancelled"};
}

bool Block::step() {
  bool any_left = false, any_ran = false;
  wants_rest = false;
  for (size_t n = 0; n < warps.size(); ++n) {
    Warp& warp = warps[options.reverse_warps ? warps.size() - 1 - n : n];
    if (warp.finished()) continue;
    const auto is_ready = [](const Split& split) { return split.state == Split::State::ready || split.state == Split::State::rested; };
    if (std::any_of(warp.splits.begin(), warp.splits.end(), is_ready)) {
      any_ran = true;
      run_warp(warp);
    }
    any_left |= !warp.finished();
  }
  if (any_left && !any_ran) fail_deadlock();
  poll();
  return any_left;
}

}  // namespace yoke::emulator
